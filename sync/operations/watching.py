"""How the graph fares: what waits for it, what the last check found, and whether it answers."""

from typing import Any

from django.conf import settings

from hopper.common.errors import HopperError
from hopper.events.operations import Traffic, traffic
from sync.graph import get_mirror
from sync.models import GraphCheck
from sync.operations.mirroring import CONSUMER
from sync.operations.reading import SUBJECTS


def graph_lag() -> dict[str, Any]:
    """Return how many deliveries wait, for how many seconds the oldest one has, and how many were given up."""
    own = next((one for one in traffic() if one.consumer == CONSUMER), Traffic(CONSUMER))
    return {"lag_seconds": round(own.oldest_seconds, 1), "waiting": own.waiting, "dead": own.dead}


def graph_status() -> dict[str, Any]:
    """Return lag, the last check, and what is in the graph beside the rows; a graph that is away is part of it."""
    check = last_check()
    rows = {label: subject.rows._default_manager.count() for label, subject in SUBJECTS.items()}
    return {
        "configured": bool(settings.NEO4J_URL),
        **graph_lag(),
        "last_check": check and {
            "at": check.created_at, "found": check.found, "left": check.left, "skipped": check.skipped,
            "differences": check.differences,
        },
        "rows": rows,
        **_told_by_graph(),
    }  # fmt: skip


def _told_by_graph() -> dict[str, Any]:
    try:
        mirror = get_mirror()
        return {
            "answers": True, "problem": None, "missing_constraints": mirror.missing_constraints(),
            "graph": mirror.counts(),
        }  # fmt: skip
    except HopperError as error:
        return {"answers": False, "problem": error.message, "missing_constraints": None, "graph": None}


def missing_constraints() -> list[str]:
    """Ask the graph which of its constraints are not there.

    :raises GraphUnavailable: if it does not answer
    """
    return get_mirror().missing_constraints()


def last_check() -> GraphCheck | None:
    """Return how the graph compared with the rows the last time."""
    return GraphCheck.objects.latest_first().first() if settings.NEO4J_URL else None
