from django_filters import rest_framework as filters

from hopper.common.rest.filters import MomentFilter, StrictFilterSet, WholeNumberFilter
from hopper.events.models import Delivery, Event


class StreamFilter(StrictFilterSet):
    """What the stream can be narrowed by; `after` is the position of the last event seen."""

    after = WholeNumberFilter(field_name="position", lookup_expr="gt", min_value=0)

    class Meta:
        model = Event
        fields = ["type", "aggregate_type", "aggregate_id", "actor"]


class EventFilter(StreamFilter):
    """What the log can be narrowed by."""

    occurred_after = MomentFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = MomentFilter(field_name="occurred_at", lookup_expr="lt")


class DeliveryFilter(StrictFilterSet):
    """What deliveries can be narrowed by; `state` is their status."""

    state = filters.ChoiceFilter(field_name="status", choices=Delivery.Status.choices)

    class Meta:
        model = Delivery
        fields = ["consumer", "aggregate_type", "aggregate_id"]
