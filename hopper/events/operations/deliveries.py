"""What is on its way: scheduled in the transaction of the change, tried again, forgotten."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from hopper.common.db.clock import Now
from hopper.common.errors import HopperError
from hopper.common.jobs import wake
from hopper.events.models import Delivery, Event

KEPT = timedelta(days=7)
# Only a pending delivery of state meets another one here: of events each has its own.
SCHEDULE = """
    INSERT INTO deliveries (created_at, event_id, consumer, carries, aggregate_type, aggregate_id, version,
                            status, attempts, fence, available_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 'pending', 0, 0, %s)
    ON CONFLICT (consumer, aggregate_type, aggregate_id) WHERE carries = 'state' AND status = 'pending'
    DO UPDATE SET event_id = excluded.event_id, version = excluded.version
"""


class NotDead(HopperError):
    """Only a delivery that was given up can be tried again; this one was not."""

    code = "not_dead"


def schedule(events: Iterable[Event]) -> None:
    """Write a delivery for every consumer of the events, in the caller's transaction.

    A consumer of state reads the row as it then stands: the row's pending delivery is moved up to its newest event,
    one is enough. A consumer of events (`CARRIES`) gets each, in order.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    rows = [
        (
            now, event.pk, consumer, settings.CARRIES.get(consumer, "state"), event.aggregate_type, event.aggregate_id,
            event.version, now,
        )
        for event in events
        for consumer in settings.CONSUMERS.get(event.type, ())
    ]  # fmt: skip
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(SCHEDULE, rows)
        wake({row[2] for row in rows})


@transaction.atomic
def retry_delivery(*, delivery: Delivery) -> Delivery:
    """Let a dead delivery be carried again, in its old place; return it as it then stands.

    One of state that newer news of its row has overtaken is done instead: that brings the row as it is now.

    :raises NotDead: if it was not given up, or somebody was quicker
    """
    dead = Delivery.objects.select_for_update().dead().filter(pk=delivery.pk).first()
    if dead is None:
        raise NotDead(f"Delivery {delivery.pk} was not given up, so there is nothing to try again.")
    found = Delivery.objects.filter(pk=dead.pk)
    if dead.carries == Delivery.Carries.STATE and Delivery.objects.open().beside(dead).exists():
        found.update(status=Delivery.Status.DONE, done_at=Now())
    else:
        found.update(status=Delivery.Status.PENDING, attempts=0, available_at=Now())
        wake([dead.consumer])
    return found.get()


def purge_deliveries(*, now: datetime | None = None) -> int:
    """Forget what was delivered more than seven days ago; return how many."""
    old = Delivery.objects.filter(status=Delivery.Status.DONE, done_at__lt=(now or timezone.now()) - KEPT)
    return old.delete()[0]
