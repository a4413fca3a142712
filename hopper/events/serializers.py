from rest_framework import serializers

from hopper.common.rest.serializers import LeanSerializer
from hopper.events.models import Delivery, Event


class EventSerializer(LeanSerializer):
    """One entry of the log."""

    class Meta:
        model = Event
        fields = [
            "id", "position", "event_id", "type", "aggregate_type", "aggregate_id", "version", "actor", "payload",
            "occurred_at",
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


class TimelineSerializer(EventSerializer):
    """One entry of a timeline, as a person reads it."""

    sentence = serializers.CharField(read_only=True, help_text="What happened, in words.")
    seconds_since_previous = serializers.FloatField(read_only=True, allow_null=True)

    class Meta(EventSerializer.Meta):
        fields = [*EventSerializer.Meta.fields, "sentence", "seconds_since_previous"]
        read_only_fields = fields
