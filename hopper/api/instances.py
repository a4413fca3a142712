"""The tree with the work that sits in it."""

from typing import Any, ClassVar

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.db.graph import MAX_DEPTH
from hopper.common.models import Role
from instances.models import Instance
from instances.serializers import DrainInput, EndInput, InstanceSerializer, TreeNodeSerializer
from instances.viewsets import InstanceViewSet
from tasks import operations as tasks
from tasks.models import Task

LOOKS = dict.fromkeys(("tree", "hierarchy", "statistics"), Role.VIEWER)
ENDS = dict.fromkeys(("drain", "terminate"), Role.OPERATOR)


class ComposedInstanceViewSet(InstanceViewSet):
    """The tree of Hoppers, with counts of the work."""

    access: ClassVar = {**InstanceViewSet.access, **LOOKS, **ENDS}

    @extend_schema(
        responses=TreeNodeSerializer(many=True),
        parameters=[
            OpenApiParameter("root", str, description="Only this instance and what is below it."),
            OpenApiParameter("depth", int, description="Only so many levels below the root: 0 to 16."),
        ],
    )
    @action(detail=False)
    def tree(self, request: Request) -> Response:
        """Show the tree depth first, each instance with its depth, open tasks and children: one query."""
        tops = self._tops()
        rows = Instance.objects.seen_from(tops, depth=self._depth()).with_open_work().with_children()
        seen = rows.for_principal(request.user)
        return Response({"results": TreeNodeSerializer.show_all(
            row for row in seen if not tops or not set(tops).isdisjoint(row.tree_path)
        )})  # fmt: skip

    def _tops(self) -> list[str]:
        """Return the instance that the client asks for, or else the branches that it may see (none: all)."""
        root = self.request.query_params.get("root")
        if root is None:
            return list(self.principal.instances)
        return [get_object_or_404(self.get_queryset(), pk=root.replace("\x00", "")).pk]

    def _depth(self) -> int:
        word = self.request.query_params.get("depth", str(MAX_DEPTH))
        if not word.isdecimal() or not word.isascii() or int(word) > MAX_DEPTH:
            raise ValidationError({"depth": [f"Send a whole number from 0 to {MAX_DEPTH}."]})
        return int(word)

    @extend_schema(responses={200: {"type": "object", "additionalProperties": True}})
    @action(detail=True)
    def hierarchy(self, request: Request, pk: str) -> Response:
        """Show the instance between those above and those below it, in tree order."""
        instance = self.get_object()
        rows = list(Instance.objects.seen_from([instance.pk]).for_principal(request.user))
        here = next(place for place, row in enumerate(rows) if row.pk == instance.pk)
        return Response({
            "ancestors": InstanceSerializer.show_all(rows[:here]),
            "instance": InstanceSerializer.show(instance),
            "descendants": InstanceSerializer.show_all(rows[here + 1 :]),
        })  # fmt: skip

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "integer"}}})
    @action(detail=True)
    def statistics(self, request: Request, pk: str) -> Response:
        """Count the tasks at the instance and below it, by status."""
        instance = self.get_object()
        branch = Instance.objects.in_branches([instance.pk]).values("pk")
        by_status = {status: Count("pk", filter=Q(status=status)) for status in Task.Status.values}
        counts: dict[str, Any] = Task.objects.filter(instance__in=branch).aggregate(
            total_tasks=Count("pk"), at_this_instance=Count("pk", filter=Q(instance=instance)), **by_status
        )
        return Response(counts)

    @extend_schema(request=DrainInput, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, pk: str) -> Response:
        """Take nothing new; with `reroute`, send back to routing what nobody holds."""
        wanted = DrainInput.checked(request.data)
        return Response(self.read(tasks.drain_instance(instance=self.get_object(), actor=self.actor, **wanted)))

    @extend_schema(request=EndInput, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def terminate(self, request: Request, pk: str) -> Response:
        """End an instance for good: at once if nothing is open, or with its last open task."""
        wanted = EndInput.checked(request.data)
        return Response(self.read(tasks.end_instance(instance=self.get_object(), actor=self.actor, **wanted)))
