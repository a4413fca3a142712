"""What is swept: changes on their way into the graph, and whether it shows what the rows say."""

import logging
from collections.abc import Callable

from celery import shared_task
from django.conf import settings

from sync import operations
from sync.graph import GraphUnavailable

MINUTES = {"soft_time_limit": 1700, "time_limit": 1790}
log = logging.getLogger(__name__)


@shared_task(name="sync.mirror_waiting")
def mirror_waiting(limit: int = 10_000) -> int:
    """Carry into the graph what has changed."""
    return operations.mirror_waiting(limit=limit) if settings.NEO4J_URL else 0


@shared_task(name="sync.refresh_tags", **MINUTES)
def refresh_tags() -> int | None:
    """Count which tags stand together."""
    return _unless_away(operations.refresh_tags)


@shared_task(name="sync.check_graph", **MINUTES)
def check_graph() -> int | None:
    """Compare the graph with the rows and mend it: rows that were loaded without an event have no delivery."""
    return _unless_away(_check)


def _check() -> int:
    check, _ = operations.reconcile_graph(repair=True)
    if check.found:
        log.warning("The graph differed from the rows: %s; %d are left", check.differences, check.left)
    return check.found


def _unless_away(work: Callable[[], int]) -> int | None:
    """Do the work if there is a graph; one that is away is asked again at the next turn."""
    try:
        return work() if settings.NEO4J_URL else None
    except GraphUnavailable as error:
        log.warning("%s", error.message)
        return None
