"""Doorbells: what makes a job run soon; the sweep makes it run in any case. And what is swept here."""

import logging
import threading
from collections.abc import Iterable
from time import monotonic
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from hopper.common import absence, operations

WAKE_EVERY = 1.0  # seconds; the poll finds what comes in between
WAKE_WITHIN = 10  # seconds; a worker that comes to it later has polled since
log = logging.getLogger(__name__)
_waking = threading.Lock()
_woken: dict[str, float] = {}  # when, by job


def ring(job: str, *ids: Any) -> None:
    """Run the named job right after commit, here and now.

    Every job that is rung takes milliseconds, so no broker stands between (docs/adr/0004-doorbells.md).
    What fails is logged and left to the sweep: the change itself is committed and stays.
    """
    transaction.on_commit(lambda: run(job, *ids), robust=True)


def wake(consumers: Iterable[str]) -> None:
    """Have a worker see to the consumers right after commit; without a broker the relay looks every two seconds."""
    jobs = {settings.WAKES[consumer] for consumer in consumers if consumer in settings.WAKES}
    if settings.REDIS_URL and jobs:
        transaction.on_commit(lambda: _send(jobs), robust=True)


def _send(jobs: Iterable[str]) -> None:
    """Send an empty message for each job, at most once a second, and not while another thread is sending.

    A broker that does not answer costs one caller a second and is then left alone (docs/adr/0027-outages-and-wakes.md).
    """
    if not _waking.acquire(blocking=False):
        return
    try:
        for job in jobs:
            if not absence.redis.lasts and monotonic() - _woken.get(job, -WAKE_EVERY) >= WAKE_EVERY:
                current_app.send_task(job, retry=False, expires=WAKE_WITHIN, ignore_result=True)
                _woken[job] = monotonic()
    except (OperationalError, OSError) as error:
        absence.redis.begin()
        log.warning("Redis is away, so workers are left to their poll: %s", error)
    finally:
        _waking.release()


def forget() -> None:
    """Be as a process that has woken nobody yet."""
    _woken.clear()


def run(job: str, *ids: Any) -> Any:
    """Run the named job in this process and return what it returns."""
    return current_app.tasks[job](*ids)


@shared_task(name="common.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Forget idempotency keys that nobody will send again."""
    return operations.purge_idempotency_keys()
