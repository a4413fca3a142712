from django_filters import rest_framework as filters

from hopper.events.models import Event


class EventFilter(filters.FilterSet):
    """What the log can be narrowed by; `after` is the id of the last event seen."""

    after = filters.NumberFilter(field_name="id", lookup_expr="gt")
    occurred_after = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields = ["type", "aggregate_type", "aggregate_id", "actor"]
