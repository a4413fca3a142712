"""What tests carry deliveries to, and how they let time pass: by moving the hours in the rows."""

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from hopper.events.models import Delivery, Outage
from hopper.events.operations import drain

CONSUMER = "embedding"


class Sink:
    """A consumer that remembers what it took in, and fails as it is told."""

    def __init__(self, *errors, consumer=CONSUMER):
        self.errors, self.consumer, self.seen, self.calls = list(errors), consumer, [], []

    def __call__(self, deliveries):
        self.calls.append(len(deliveries))
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.seen += [(delivery.aggregate_id, delivery.version) for delivery in deliveries]

    def drain(self, **options):
        return drain(self.consumer, self, batch=options.pop("batch", 10), **options)


def make_due():
    """Let the pause of every failed delivery be over."""
    Delivery.objects.filter(status="leased").update(lease_until=timezone.now() - timedelta(seconds=1))


def pass_time(seconds):
    """Let so many seconds pass for every outage and every lease."""
    span = timedelta(seconds=seconds)
    Outage.objects.update(probe_at=F("probe_at") - span, created_at=F("created_at") - span)
    Delivery.objects.filter(status="leased").update(lease_until=F("lease_until") - span)
