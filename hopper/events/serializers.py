from hopper.common.rest.serializers import LeanSerializer
from hopper.events.models import Delivery, Event


class EventSerializer(LeanSerializer):
    """One entry of the log."""

    class Meta:
        model = Event
        fields = [
            "id", "event_id", "type", "aggregate_type", "aggregate_id", "version", "actor", "payload", "occurred_at",
        ]  # fmt: skip
        read_only_fields = fields


class DeliverySerializer(LeanSerializer):
    """News on its way to one consumer; `version` is that of the row that changed."""

    class Meta:
        model = Delivery
        fields = [
            "id", "consumer", "carries", "aggregate_type", "aggregate_id", "version", "status", "attempts",
            "available_at", "lease_owner", "lease_until", "last_error", "created_at", "done_at",
        ]  # fmt: skip
        read_only_fields = fields
