"""The door for ASGI servers: the process of the live stream."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
os.environ.setdefault("HOPPER_ROLE", "stream")
application = get_asgi_application()
