from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, cast

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.errors import HopperError
from hopper.common.models import Role
from hopper.common.rest.filters import StrictFilterBackend
from hopper.common.rest.pagination import Unpaged
from hopper.common.rest.renderers import EventStreamRenderer
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import READ_ACCESS, ReadViewSet
from hopper.events.filters import DeliveryFilter, EventFilter, StreamFilter
from hopper.events.models import Delivery, Event
from hopper.events.operations import retry_delivery, stamp_positions
from hopper.events.serializers import DeliverySerializer, EventSerializer
from hopper.events.stream import HEADER, Rhythm, follow, hub_of_this_loop, starting_place, wanted_facts


class StreamIsElsewhere(HopperError):
    """The live stream has a process of its own, `manage.py stream`: `serve` starts it at the next higher port."""

    code = "stream_is_elsewhere"
    status = 404


class EventViewSet(ReadViewSet):
    """Everything that happened, as it happened."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    access: ClassVar = {**READ_ACCESS, "stream": Role.VIEWER}
    orderings: ClassVar = {"id": "id", "position": "position", "occurred_at": "occurred_at"}
    default_ordering = "-id"
    rhythm = Rhythm()

    def list(self, request: Request, **kwargs: Any) -> Response:
        """List events, newest first; after a position that was seen, in the order of the log, and none is missed."""
        stamp_positions()
        if "after" in request.query_params:
            self.default_ordering = "position"
        return super().list(request, **kwargs)

    def filter_queryset(self, queryset: Any) -> Any:
        """Leave out what has no position yet where that is the order."""
        rows: Any = super().filter_queryset(queryset)
        ordering = self.request.query_params.get("ordering") or self.default_ordering
        return rows.stamped() if "position" in ordering else rows

    @extend_schema(
        parameters=[OpenApiParameter(HEADER, OpenApiTypes.INT64, OpenApiParameter.HEADER,
                                     description="The `id` of the last event seen: goes on after it.")],
        filters=True, responses={(200, "text/event-stream"): OpenApiTypes.STR},
    )  # fmt: skip
    @action(
        detail=False, filterset_class=StreamFilter, filter_backends=[StrictFilterBackend], pagination_class=Unpaged,
        renderer_classes=[EventStreamRenderer],
    )  # fmt: skip
    def stream(self, request: Request) -> StreamingHttpResponse:
        """Send events as they happen (server-sent events): `id` is the position, `event` the type, `data` the event."""
        if not isinstance(request._request, ASGIRequest):
            raise StreamIsElsewhere
        if self.principal.is_limited:
            raise PermissionDenied("The log spans every branch: a key that is limited to some may not follow it.")
        self.filter_queryset(self.get_queryset())
        frames = self._frames(starting_place(request), wanted_facts(request))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(frames, content_type="text/event-stream", headers=headers)

    async def _frames(self, place: int, wanted: Mapping[str, str]) -> AsyncIterator[bytes]:
        await sync_to_async(close_old_connections)()  # this request's own thread lasts as long as the stream
        frames = follow(hub_of_this_loop(), place=place, wanted=wanted, may_go_on=self._may_go_on, rhythm=self.rhythm)
        async with aclosing(frames):
            async for frame in frames:
                yield frame

    def _may_go_on(self) -> bool:
        """Tell whether whoever listens would still be let in, and as the same."""
        asked = cast(ASGIRequest, self.request._request)
        asked.session = type(asked.session)(asked.session.session_key)
        asked.user = get_user(asked)
        try:
            return bool(Request(asked, authenticators=self.get_authenticators()).user == self.principal)
        except APIException:
            return False


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
