"""What happened around one row, as a person reads it: oldest first, with the time between."""

from collections.abc import Sequence

from django.db import models

from hopper.events.models import Event

LATEST = 100  # that a page of the admin shows


def spaced(events: Sequence[Event], *, before: Event | None = None) -> Sequence[Event]:
    """Let each event know how long after the one before it happened."""
    for event in events:
        event.since_previous = event.occurred_at - before.occurred_at if before else None
        before = event
    return events


def latest_around(row: models.Model) -> tuple[Sequence[Event], int]:
    """Return the latest events, oldest first, and how many there were before them."""
    told = Event.objects.around(row)
    latest = list(told.reverse()[: LATEST + 1])[::-1]
    if len(latest) <= LATEST:
        return spaced(latest), 0
    return spaced(latest[1:], before=latest[0]), told.count() - LATEST
