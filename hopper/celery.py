"""The Celery app, and everything that happens by the clock on one screen."""

import os
import sys
from datetime import timedelta
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
PROGRAM = Path(sys.argv[0])
if PROGRAM.name == "celery" or PROGRAM.parts[-2:] == ("celery", "__main__.py"):  # others import this module too
    os.environ.setdefault("HOPPER_ROLE", "worker")

app = Celery("hopper")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")

# `celery beat` follows this schedule; without a broker `manage.py relay` does.
app.conf.beat_schedule = {
    "route what no doorbell rang for": {"task": "routing.route_waiting_tasks", "schedule": timedelta(seconds=5)},
    "fit the learned factor anew": {"task": "routing.refit", "schedule": timedelta(seconds=60)},
    "embed what has changed": {"task": "routing.embed_waiting", "schedule": timedelta(seconds=2)},
    "embed what no delivery spoke of": {"task": "routing.embed_stale", "schedule": timedelta(minutes=10)},
    "forget old deliveries": {"task": "events.purge_deliveries", "schedule": timedelta(days=1)},
}
