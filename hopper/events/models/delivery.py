"""News on its way to one consumer."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from hopper.common.models import Timestamped
from hopper.events.models.event import Event
from hopper.events.querysets import PLACE, DeliveryQuerySet


class Delivery(Timestamped):
    """A change that a consumer still has to take in: written with the change, leased, carried, acknowledged.

    Design and measurements: reliability.md C1. `version` is that of the row which changed.
    """

    class Carries(models.TextChoices):
        """state: the consumer reads the row as it now stands, so one pending delivery a row is enough.

        event: the consumer gets every event, in order.
        """

        STATE = "state"
        EVENT = "event"

    class Status(models.TextChoices):
        """pending: waits · leased: a worker carries it, or it waits to be tried again · done · dead: given up."""

        PENDING = "pending"
        LEASED = "leased"
        DONE = "done"
        DEAD = "dead"

    event = models.ForeignKey(Event, models.PROTECT, null=True, related_name="deliveries")
    consumer = models.CharField(max_length=50)
    carries = models.CharField(max_length=10, choices=Carries.choices)
    aggregate_type = models.CharField(max_length=50)
    aggregate_id = models.CharField(max_length=100)
    version = models.PositiveBigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    fence = models.PositiveBigIntegerField(default=0, db_default=0)
    available_at = models.DateTimeField(default=timezone.now, db_default=Now())
    lease_owner = models.CharField(max_length=200, null=True)
    lease_until = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)
    done_at = models.DateTimeField(null=True)
    is_repeated = False  # of a taken one: it was taken before, and the consumer may have taken in a part of it
    is_probe = False  # of a taken one: it asks whether the other side is back

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(name="one_delivery_in_flight", fields=[*PLACE], condition=Q(status="leased")),
            models.UniqueConstraint(
                name="one_pending_state_delivery", fields=[*PLACE], condition=Q(status="pending", carries="state")
            ),
            models.UniqueConstraint(
                name="one_delivery_per_version", fields=[*PLACE, "version"], condition=Q(carries="event")
            ),
            models.CheckConstraint(
                name="delivery_has_a_lease_iff_leased",
                condition=Q(status="leased", lease_until__isnull=False)
                | (~Q(status="leased") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="delivery_has_done_at_iff_done",
                condition=Q(status="done", done_at__isnull=False) | (~Q(status="done") & Q(done_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="delivery_status_is_known", condition=Q(status__in=["pending", "leased", "done", "dead"])
            ),
            models.CheckConstraint(name="delivery_carries_what_is_known", condition=Q(carries__in=["state", "event"])),
        ]
        indexes = [
            models.Index(
                name="idx_deliveries_waiting", fields=["consumer", "id"], condition=Q(status__in=["pending", "leased"])
            ),
            models.Index(
                name="idx_deliveries_open", fields=[*PLACE, "version"], condition=~Q(status="done")
            ),
            models.Index(name="idx_deliveries_dead", fields=["consumer", "id"], condition=Q(status="dead")),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.consumer}: {self.aggregate_type} {self.aggregate_id} v{self.version} {self.status}"
