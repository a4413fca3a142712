from hopper.common.rest.serializers import LeanSerializer
from hopper.events.models import Event


class EventSerializer(LeanSerializer):
    """One entry of the log."""

    class Meta:
        model = Event
        fields = [
            "id", "position", "event_id", "type", "aggregate_type", "aggregate_id", "version", "actor", "payload",
            "occurred_at",
        ]  # fmt: skip
        read_only_fields = fields
