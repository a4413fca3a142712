"""The breaker: while a consumer's other side is away, one delivery at a time asks whether it is back.

Its state is one row a consumer, so every worker and process keeps to it (docs/adr/0027-outages-and-wakes.md).
"""

from datetime import timedelta

from hopper.common.db.clock import Now
from hopper.events.models import Outage

PROBE_EVERY = timedelta(seconds=30)


def is_away(*, consumer: str) -> bool:
    """Tell whether the consumer's other side was away when it was last asked."""
    return Outage.objects.filter(pk=consumer).exists()


def may_probe(*, consumer: str) -> bool:
    """Return True to one caller every 30 seconds: it may let a single delivery through, as a probe."""
    due = Outage.objects.filter(pk=consumer, probe_at__lte=Now())
    return bool(due.update(probe_at=Now() + PROBE_EVERY))


def note_outage(*, consumer: str, error: str, probe_in: timedelta | None = None) -> None:
    """Remember that the other side is away, and since when; the next probe is due in 30 seconds, or as it asked."""
    outage = Outage(consumer=consumer, probe_at=Now() + (probe_in or PROBE_EVERY), last_error=error)
    Outage.objects.bulk_create(
        [outage], update_conflicts=True, unique_fields=["consumer"], update_fields=["probe_at", "last_error"]
    )


def end_outage(*, consumer: str) -> None:
    """Let everything flow again."""
    Outage.objects.filter(pk=consumer).delete()
