from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.viewsets import CHANGE_ACCESS, OperatedViewSet
from instances import operations
from instances.config import effective_config
from instances.filters import InstanceFilter
from instances.models import Instance
from instances.serializers import InstanceInput, InstanceSerializer

VERBS = {
    "start": operations.start_instance,
    "pause": operations.pause_instance,
    "resume": operations.resume_instance,
}
LOOKS = dict.fromkeys(("children", "ancestors", "descendants", "effective_config"), Role.VIEWER)


class InstanceViewSet(OperatedViewSet):
    """The tree of Hoppers."""

    queryset = Instance.objects.all()
    serializer_class = InstanceSerializer
    write_serializer_class = InstanceInput
    filterset_class = InstanceFilter
    access = {**CHANGE_ACCESS, **LOOKS, **dict.fromkeys(VERBS, Role.OPERATOR)}
    orderings: ClassVar = {"created_at": "created_at", "name": "name", "scope": "scope", "status": "status"}
    default_ordering = "created_at"
    row_name = "instance"
    create_row = staticmethod(operations.create_instance)
    change_row = staticmethod(operations.change_instance)
    delete_row = staticmethod(operations.delete_instance)

    @extend_schema(responses={200: {"type": "object", "additionalProperties": True}})
    @action(detail=True, url_path="effective-config")
    def effective_config(self, request: Request, pk: str) -> Response:
        """Show each setting in force here, and the instance on the way to the root that says so."""
        settings = effective_config(pk, Instance.objects.path_to(self.get_object().pk))
        return Response({name: {"value": setting.value, "from": setting.origin} for name, setting in settings.items()})

    def _page(self, rows: Any) -> Response:
        return self.pages(self.filter_queryset(rows.for_principal(self.request.user)))

    @extend_schema(responses=InstanceSerializer(many=True))
    @action(detail=True)
    def children(self, request: Request, pk: str) -> Response:
        """List the instances directly below this one."""
        return self._page(Instance.objects.children_of(self.get_object()))

    @extend_schema(responses=InstanceSerializer(many=True))
    @action(detail=True)
    def ancestors(self, request: Request, pk: str) -> Response:
        """List the instances above this one."""
        return self._page(Instance.objects.ancestors_of(self.get_object()))

    @extend_schema(responses=InstanceSerializer(many=True))
    @action(detail=True)
    def descendants(self, request: Request, pk: str) -> Response:
        """List the instances below this one at any depth."""
        return self._page(Instance.objects.descendants_of(self.get_object()))

    @extend_schema(request=None, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Let a created instance take work."""
        return self._move("start")

    @extend_schema(request=None, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Drain an active instance."""
        return self._move("pause")

    @extend_schema(request=None, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let a paused instance take work again."""
        return self._move("resume")

    def _move(self, verb: str) -> Response:
        return Response(self.read(VERBS[verb](instance=self.get_object(), actor=self.actor)))
