"""Doorbells: the message that makes a job run soon; the sweep makes it run in any case. And what is swept here."""

import logging
from typing import Any

from celery import current_app, shared_task
from django.db import transaction

from hopper.common import operations

log = logging.getLogger(__name__)


def ring(job: str, *ids: Any) -> None:
    """Run the named job right after commit, here and now.

    Every job that is rung today takes milliseconds, so no broker stands between (docs/adr/0004-doorbells.md).
    What fails is logged and left to the sweep: the change itself is committed and stays.
    """
    transaction.on_commit(lambda: run(job, *ids), robust=True)


def run(job: str, *ids: Any) -> Any:
    """Run the named job in this process and return what it returns."""
    return current_app.tasks[job](*ids)


@shared_task(name="common.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Forget idempotency keys that nobody will send again."""
    return operations.purge_idempotency_keys()
