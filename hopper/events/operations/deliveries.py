"""Carrying news: schedule in the transaction of the change, lease, deliver outside of any, acknowledge by fence.

A delivery is the promise, a doorbell only makes it quick (reliability.md C1).
"""

import logging
import random
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from os import getpid

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from hopper.common.db.clock import Now
from hopper.common.errors import BROKEN_ROW, HopperError
from hopper.events.models import Delivery, Event
from hopper.events.querysets import DeliveryQuerySet

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
OUTAGE_PAUSE = 30.0
KEPT = timedelta(days=7)
COALESCE = """
    INSERT INTO deliveries (created_at, event_id, consumer, carries, aggregate_type, aggregate_id, version,
                            status, attempts, fence, available_at)
    VALUES (%s, %s, %s, 'state', %s, %s, %s, 'pending', 0, 0, %s)
    ON CONFLICT (consumer, aggregate_type, aggregate_id) WHERE carries = 'state' AND status = 'pending'
    DO UPDATE SET event_id = excluded.event_id, version = excluded.version
"""

Deliver = Callable[[Sequence[Delivery]], None]


class DeliveryFailed(HopperError):
    """The consumer could not take the news in.

    `is_outage`: the other side as a whole is away, so no delivery is to blame and no attempt is used up.
    """

    code = "delivery_failed"

    def __init__(self, message: str, *, is_outage: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_outage, self.retry_after = is_outage, retry_after


def schedule(events: Iterable[Event]) -> None:
    """Write a delivery for every consumer of the events, in the caller's transaction.

    A row's pending state delivery is moved up to its newest event: one is enough, whatever happened.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    rows = [
        (now, event.pk, consumer, event.aggregate_type, event.aggregate_id, event.version, now)
        for event in events
        for consumer in settings.CONSUMERS.get(event.type, ())
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(COALESCE, rows)


def drain(
    consumer: str, deliver: Deliver, *, batch: int, limit: int = 1000, lease: timedelta = LEASE
) -> int:  # fmt: skip
    """Deliver what waits for the consumer, in batches; return how many were taken in.

    It ends when nothing waits, at the limit, or when the other side is away. A batch has to be delivered within
    the lease, or another worker delivers it once more.
    """
    done = tried = 0
    while tried < limit:
        taken = _take(consumer, min(batch, limit - tried), lease)
        if not taken:
            break
        tried += len(taken)
        delivered, outage = _deliver(taken, deliver, lease)
        done += delivered
        if outage:
            break
    return done


def _take(consumer: str, count: int, lease: timedelta) -> list[Delivery]:
    """Lease the deliveries that waited longest; other workers pass them over."""
    try:
        with transaction.atomic():
            waiting = Delivery.objects.waiting(consumer).select_for_update(skip_locked=True, of=("self",))
            keys = [delivery.pk for delivery in waiting[:count]]
            Delivery.objects.filter(pk__in=keys).update(
                status=Delivery.Status.LEASED, fence=F("fence") + 1, attempts=F("attempts") + 1,
                lease_owner=f"{socket.gethostname()}:{getpid()}", lease_until=Now() + lease,
            )  # fmt: skip
            taken = list(Delivery.objects.filter(pk__in=keys).order_by("id"))
    except IntegrityError:  # another worker leased a delivery of the same row at this very moment
        return []
    for delivery in taken:
        delivery.is_repeated = delivery.fence > 1
    return taken


def _deliver(taken: Sequence[Delivery], deliver: Deliver, lease: timedelta) -> tuple[int, DeliveryFailed | None]:
    """Return how many were taken in, and the outage that ended it.

    A batch that is refused is tried in halves, so that a single bad row holds up nobody else.
    """
    try:
        deliver(taken)
    except DeliveryFailed as error:
        failure = error
    except BROKEN_ROW as error:
        log.exception("What %s reads is broken", taken[0].consumer)
        failure = DeliveryFailed(f"{type(error).__name__}: {error}")
    else:
        return _acknowledge(taken), None
    if len(taken) > 1 and not failure.is_outage:
        return _deliver_in_halves(taken, deliver, lease)
    _give_back(taken, failure)
    return 0, failure if failure.is_outage else None


def _deliver_in_halves(
    taken: Sequence[Delivery], deliver: Deliver, lease: timedelta
) -> tuple[int, DeliveryFailed | None]:  # fmt: skip
    half, done = len(taken) // 2, 0
    for delivery in taken:
        delivery.is_repeated = True
    for part, rest in ((taken[:half], taken[half:]), (taken[half:], ())):
        for held in _held(part):
            held.update(lease_until=Now() + lease)
        delivered, outage = _deliver(part, deliver, lease)
        done += delivered
        if outage:
            _give_back(rest, outage)
            return done, outage
    return done, None


def _held(taken: Sequence[Delivery]) -> Iterator[DeliveryQuerySet]:
    """Yield those of the deliveries that are still leased as they were taken, by fence."""
    keys: dict[int, list[int]] = defaultdict(list)
    for delivery in taken:
        keys[delivery.fence].append(delivery.pk)
    return (Delivery.objects.held_with(keys=some, fence=fence) for fence, some in keys.items())


def _acknowledge(taken: Sequence[Delivery]) -> int:
    done = {"status": Delivery.Status.DONE, "done_at": Now(), "lease_owner": None, "lease_until": None}
    return sum(held.update(**done, last_error=None) for held in _held(taken))


def _give_back(taken: Sequence[Delivery], error: DeliveryFailed) -> None:
    """Let the deliveries wait before they are tried again; one that had its last attempt is given up."""
    if taken:
        log.warning("%s: %s (%d deliveries wait)", taken[0].consumer, error.message, len(taken))
    for delivery in taken:
        (held,) = _held([delivery])
        if delivery.attempts >= MOST_ATTEMPTS and not error.is_outage:
            held.update(
                status=Delivery.Status.DEAD, lease_owner=None, lease_until=None, last_error=error.message
            )  # fmt: skip
        else:
            held.update(
                lease_owner=None, lease_until=Now() + _pause(delivery, error), last_error=error.message,
                attempts=delivery.attempts - int(error.is_outage),
            )  # fmt: skip


def _pause(delivery: Delivery, error: DeliveryFailed) -> timedelta:
    """Return how long to wait: `min(5 s · 2ⁿ, 1 h) ± 20 %`, or what the other side asks for."""
    pause = OUTAGE_PAUSE if error.is_outage else min(FIRST_PAUSE * 2 ** (delivery.attempts - 1), LONGEST_PAUSE)
    wanted = error.retry_after if error.retry_after is not None else pause
    return timedelta(seconds=min(wanted, LONGEST_PAUSE) * random.uniform(0.8, 1.2))


@transaction.atomic
def retry_delivery(*, delivery: Delivery) -> bool:
    """Let a dead delivery be tried again; return False if it is not dead, or a newer one waits already."""
    dead = Delivery.objects.select_for_update().dead().filter(pk=delivery.pk)
    place = {name: getattr(delivery, name) for name in ("consumer", "aggregate_type", "aggregate_id")}
    if delivery.carries == Delivery.Carries.STATE and Delivery.objects.open().filter(**place).exists():
        dead.update(status=Delivery.Status.DONE, done_at=Now())
        return False
    return bool(dead.update(status=Delivery.Status.PENDING, attempts=0, available_at=Now()))


def purge_deliveries(*, now: datetime | None = None) -> int:
    """Forget what was delivered more than seven days ago; return how many."""
    old = Delivery.objects.filter(status=Delivery.Status.DONE, done_at__lt=(now or timezone.now()) - KEPT)
    return old.delete()[0]
