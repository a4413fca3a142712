from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import ReadViewSet
from hopper.events.filters import DeliveryFilter, EventFilter
from hopper.events.models import Delivery, Event
from hopper.events.operations import retry_delivery
from hopper.events.serializers import DeliverySerializer, EventSerializer


class EventViewSet(ReadViewSet):
    """Everything that happened, as it happened."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    orderings: ClassVar = {"id": "id", "occurred_at": "occurred_at"}
    default_ordering = "-id"


class DeliveryViewSet(ReadViewSet):
    """News on its way to consumers; what was given up can be tried again."""

    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer
    filterset_class = DeliveryFilter
    orderings: ClassVar = {"id": "id"}
    default_ordering = "-id"
    access: ClassVar = dict.fromkeys(("list", "retrieve", "retry"), Role.OPERATOR)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Let a dead delivery be carried again; it is done at once if newer news of its row is on its way."""
        StrictSerializer.checked(request.data)
        return Response(self.shown(retry_delivery(delivery=self.get_object())))
