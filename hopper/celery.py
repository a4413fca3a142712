"""The Celery app, and everything that happens by the clock on one screen."""

import os
from datetime import timedelta
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")

app = Celery("hopper")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")


def every(pause: timedelta, job: str, *args: Any) -> dict[str, Any]:
    """Call the job in this rhythm; a worker that was away finds the last call, not a thousand."""
    return {"task": job, "schedule": pause, "args": args, "options": {"expires": pause.total_seconds()}}


# `celery beat` follows this schedule; without a broker `manage.py relay` does.
app.conf.beat_schedule = {
    "route what no doorbell rang for": every(timedelta(seconds=5), "routing.route_waiting_tasks"),
    "return tasks whose lease has run out": every(timedelta(seconds=10), "tasks.reap_leases"),
    "let tasks that waited too long go first": every(timedelta(seconds=30), "tasks.promote_aged"),
    "fit the learned factor anew": every(timedelta(seconds=60), "routing.refit"),
    "embed what has changed": every(timedelta(seconds=2), "routing.embed_waiting"),
    "embed what no delivery spoke of": every(timedelta(minutes=10), "routing.embed_stale", 1),
    "embed whatever else has no vector": every(timedelta(days=1), "routing.embed_stale"),
    "forget old deliveries": every(timedelta(days=1), "events.purge_deliveries"),
}
