"""Carrying news: schedule in the transaction of the change, lease, deliver outside of any, acknowledge by fence.

A delivery is the promise, a doorbell only makes it quick (reliability.md C1).
"""

import logging
import random
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from os import getpid

from django.db import IntegrityError, transaction
from django.db.models import F

from hopper.common.db.clock import Now
from hopper.common.errors import BROKEN_ROW, HopperError
from hopper.events.models import Delivery
from hopper.events.operations.outages import end_outage, is_away, may_probe, note_outage
from hopper.events.querysets import DeliveryQuerySet

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0

Deliver = Callable[[Sequence[Delivery]], None]


class DeliveryFailed(HopperError):
    """The consumer could not take the news in.

    `is_outage`: the other side as a whole is away, so no delivery is to blame and no attempt is used up.
    """

    code = "delivery_failed"

    def __init__(self, message: str, *, is_outage: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.is_outage, self.retry_after = is_outage, retry_after


def drain(consumer: str, deliver: Deliver, *, batch: int, limit: int = 1000, lease: timedelta = LEASE) -> int:
    """Deliver what waits for the consumer, in batches; return how many were taken in.

    It ends when nothing waits, at the limit, or when the other side is away: then a single delivery asks every 30 s
    whether it is back. A batch has to be delivered within the lease, or another worker delivers it once more.
    """
    done = tried = 0
    while tried < limit:
        taken = take(consumer, min(batch, limit - tried), lease)
        if not taken:
            break
        tried += len(taken)
        delivered, outage = _deliver(taken, deliver, lease)
        done += delivered
        if outage:
            asked = _apart(outage.retry_after) if outage.retry_after is not None else None
            note_outage(consumer=consumer, error=outage.message, probe_in=asked)
            break
        if taken[0].is_probe:
            end_outage(consumer=consumer)
    return done


def take(consumer: str, count: int, lease: timedelta) -> list[Delivery]:
    """Lease the deliveries that have waited longest, so that other workers pass them over.

    While the other side is away it is a single one, as a probe, or none.
    """
    try:
        with transaction.atomic():
            is_probe = is_away(consumer=consumer)
            waiting = Delivery.objects.waiting(consumer).select_for_update(skip_locked=True, of=("self",))
            keys = [delivery.pk for delivery in waiting[: 1 if is_probe else count]]
            if is_probe and keys and not may_probe(consumer=consumer):
                return []
            Delivery.objects.filter(pk__in=keys).update(
                status=Delivery.Status.LEASED, fence=F("fence") + 1, attempts=F("attempts") + 1,
                lease_owner=f"{socket.gethostname()}:{getpid()}", lease_until=Now() + lease,
            )  # fmt: skip
            taken = list(Delivery.objects.filter(pk__in=keys).order_by("id"))
    except IntegrityError:  # another worker leased a delivery of the same row at this very moment
        return []
    for delivery in taken:
        delivery.is_repeated, delivery.is_probe = delivery.fence > 1, is_probe
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
        part = _renewed(part, lease)
        if not part:
            continue
        delivered, outage = _deliver(part, deliver, lease)
        done += delivered
        if outage:
            _give_back(rest, outage)
            return done, outage
    return done, None


def _renewed(taken: Sequence[Delivery], lease: timedelta) -> list[Delivery]:
    """Lease the deliveries anew; return those that no other worker has taken meanwhile, and may have gone beyond."""
    with transaction.atomic():
        ours: set[int] = set()
        for held in _held(taken):
            held.update(lease_until=Now() + lease)
            ours.update(held.values_list("pk", flat=True))
    return [delivery for delivery in taken if delivery.pk in ours]


def _held(taken: Sequence[Delivery]) -> Iterator[DeliveryQuerySet]:
    """Yield those of the deliveries that are still leased as they were taken, by fence."""
    keys: dict[int, list[int]] = defaultdict(list)
    for delivery in taken:
        keys[delivery.fence].append(delivery.pk)
    return (Delivery.objects.held_with(keys=some, fence=fence) for fence, some in keys.items())


def _acknowledge(taken: Sequence[Delivery]) -> int:
    done = {"status": Delivery.Status.DONE, "done_at": Now(), "lease_owner": None, "lease_until": None}
    count = sum(held.update(**done, last_error=None) for held in _held(taken))
    Delivery.objects.overtaken_by(taken).update(status=Delivery.Status.DONE, done_at=Now())
    return count


def _give_back(taken: Sequence[Delivery], error: DeliveryFailed) -> None:
    """Let the deliveries be tried again: after a pause, or at once when an outage is over.

    One that had its last attempt is given up.
    """
    if taken:
        log.warning("%s: %s (%d deliveries wait)", taken[0].consumer, error.message, len(taken))
    for delivery in taken:
        (held,) = _held([delivery])
        if error.is_outage:
            again = {"lease_until": Now(), "attempts": delivery.attempts - 1}
        elif delivery.attempts >= MOST_ATTEMPTS:
            again = {"lease_until": None, "status": Delivery.Status.DEAD}
        else:
            again = {"lease_until": Now() + _pause(delivery, error)}
        held.update(lease_owner=None, last_error=error.message, **again)


def _pause(delivery: Delivery, error: DeliveryFailed) -> timedelta:
    """Return how long to wait: `min(5 s · 2ⁿ, 1 h) ± 20 %`, or what the other side asks for."""
    pause = FIRST_PAUSE * 2 ** (delivery.attempts - 1)
    return _apart(error.retry_after if error.retry_after is not None else pause)


def _apart(seconds: float) -> timedelta:
    """Return the time, varied by up to a fifth at random, so that what failed together is not retried together."""
    return timedelta(seconds=min(seconds, LONGEST_PAUSE) * random.uniform(0.8, 1.2))
