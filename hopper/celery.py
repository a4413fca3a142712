"""The Celery app, and everything that happens by the clock on one screen."""

import logging
import os
import random
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from django.conf import settings
from django.db import DatabaseError, connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
PROGRAM = Path(sys.argv[0])
if PROGRAM.name == "celery" or PROGRAM.parts[-2:] == ("celery", "__main__.py"):  # others import this module too
    os.environ.setdefault("HOPPER_ROLE", "worker")

MIRRORING = "mirror changes into the graph"
REAPING = "return tasks whose lease has run out"
APART = (0.8, 1.2)  # by chance, so that several workers do not march in step
log = logging.getLogger(__name__)
app = Celery("hopper")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")


def every(pause: timedelta, job: str, *args: Any) -> dict[str, Any]:
    """Call the job in this rhythm; a worker that was away finds the last call, not a thousand."""
    return {"task": job, "schedule": pause, "args": args, "options": {"expires": pause.total_seconds()}}


# `celery beat` follows this schedule; without a broker `manage.py relay` does.
app.conf.beat_schedule = {
    "route what no doorbell rang for": every(timedelta(seconds=5), "routing.route_waiting_tasks"),
    "expire offers that nobody answered": every(timedelta(seconds=5), "routing.settle_delegations"),
    "claim for projects that claim at once": every(timedelta(seconds=5), "tasks.claim_for_projects"),
    "end instances whose work or time is over": every(timedelta(seconds=10), "tasks.settle_instances"),
    REAPING: every(timedelta(seconds=10), "tasks.reap_leases"),  # or REAP_SECONDS
    "let tasks that waited too long go first": every(timedelta(seconds=30), "tasks.promote_aged"),
    "escalate what runs out of time": every(timedelta(seconds=30), "tasks.escalate"),
    "fit the learned factor anew": every(timedelta(seconds=60), "routing.refit"),
    "give new events their place in the log": every(timedelta(seconds=2), "events.stamp_positions"),
    "ask advisers about what waits for a person": every(timedelta(seconds=2), "routing.advise_waiting"),
    "calibrate the confidence anew": every(timedelta(seconds=60), "routing.calibrate"),
    "learn from work that nobody judged": every(timedelta(seconds=60), "feedback.learn_from_work"),
    "learn from what that missed": every(timedelta(days=1), "feedback.learn_from_work", 7 * 24),
    "consolidate what was asked for": every(timedelta(seconds=10), "routing.consolidate_wanted"),
    "consolidate what was learned": every(timedelta(days=1), "routing.consolidate"),
    "propose rules from what was learned": every(timedelta(days=1), "routing.propose_rules"),
    "embed what has changed": every(timedelta(seconds=2), "routing.embed_waiting"),
    "embed what no delivery spoke of": every(timedelta(minutes=10), "routing.embed_stale", 1),
    "embed whatever else has no vector": every(timedelta(days=1), "routing.embed_stale"),
    "forget idempotency keys": every(timedelta(hours=1), "common.purge_idempotency_keys"),
    "forget old deliveries": every(timedelta(days=1), "events.purge_deliveries"),
}


@app.on_after_configure.connect
def reap_in_time(**signal: Any) -> None:
    """Follow the settings, which cannot be read before Celery asks for them: they import this package."""
    app.conf.beat_schedule[REAPING] |= every(timedelta(seconds=settings.REAP_SECONDS), "tasks.reap_leases")


@app.on_after_configure.connect
def mirror_if_configured(**signal: Any) -> None:
    """Follow the settings, which cannot be read before."""
    app.conf.beat_schedule |= mirroring()


def mirroring() -> dict[str, Any]:
    """Return what is done for the graph by the clock: nothing without one."""
    if not settings.NEO4J_URL:
        return {}
    pause = 2 if settings.GRAPH_SYNC_ON_WRITE else settings.GRAPH_SYNC_INTERVAL
    return {
        MIRRORING: every(timedelta(seconds=pause), "sync.mirror_waiting"),
        "count which tags stand together": every(timedelta(minutes=10), "sync.refresh_tags"),
        "compare the graph with the rows": every(timedelta(days=1), "sync.check_graph"),
    }


@worker_ready.connect
def reap_beside_the_work(**signal: Any) -> None:
    """Let every worker return lost leases, even when beat or the broker is away; several may do it at once."""
    threading.Thread(target=_reap_for_ever, name="reaper", daemon=True).start()


def _reap_for_ever() -> None:
    while True:
        time.sleep(settings.REAP_SECONDS * random.uniform(*APART))
        try:
            app.tasks["tasks.reap_leases"]()
        except (DatabaseError, OSError) as error:
            log.warning("Lost leases could not be returned, which is tried again: %s", error)
        connection.close()  # children that are forked meanwhile inherit none
