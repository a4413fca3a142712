"""The door for WSGI servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
os.environ.setdefault("HOPPER_ROLE", "web")
application = get_wsgi_application()
