from typing import ClassVar

from hopper.common.rest.viewsets import ReadViewSet
from hopper.events.filters import EventFilter
from hopper.events.models import Event
from hopper.events.serializers import EventSerializer


class EventViewSet(ReadViewSet):
    """Everything that happened, as it happened."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    orderings: ClassVar = {"id": "id", "occurred_at": "occurred_at"}
    default_ordering = "-id"
