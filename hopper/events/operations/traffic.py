"""How much is on its way to whom, for whoever watches over it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from hopper.events.models import Delivery, Outage


@dataclass(frozen=True)
class Traffic:
    """What is undone for one consumer; `attempts` are those that its open deliveries have used up so far."""

    consumer: str
    pending: int = 0
    leased: int = 0
    dead: int = 0
    attempts: int = 0
    oldest_seconds: float = 0.0
    away_since: datetime | None = None
    probe_at: datetime | None = None
    last_error: str = ""

    @property
    def waiting(self) -> int:
        return self.pending + self.leased


def traffic(*, now: datetime | None = None) -> list[Traffic]:
    """Return the state of every consumer that is named in the settings or has something undone, by name."""
    rows: Iterable[dict[str, Any]] = Delivery.objects.undone().counted()
    counted = {row.pop("consumer"): row for row in rows}
    outages = {outage.consumer: outage for outage in Outage.objects.all()}
    named = {consumer for consumers in settings.CONSUMERS.values() for consumer in consumers}
    at = now or timezone.now()
    return [_of(name, counted.get(name, {}), outages.get(name), at) for name in sorted({*named, *counted, *outages})]


def _of(consumer: str, counts: dict[str, Any], outage: Outage | None, now: datetime) -> Traffic:
    oldest: datetime | None = counts.pop("oldest", None)
    counts["oldest_seconds"] = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    if outage:
        counts |= {"away_since": outage.created_at, "probe_at": outage.probe_at, "last_error": outage.last_error}
    return Traffic(consumer=consumer, **counts)
