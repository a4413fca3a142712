"""The tree with the work that sits in it."""

from typing import Any, ClassVar

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from instances.models import Instance
from instances.serializers import InstanceSerializer, TreeNodeSerializer
from instances.viewsets import InstanceViewSet
from tasks.models import Task


class ComposedInstanceViewSet(InstanceViewSet):
    """The tree of Hoppers, with counts of the work."""

    access: ClassVar = {**InstanceViewSet.access, "tree": Role.VIEWER, "statistics": Role.VIEWER}

    @extend_schema(responses=TreeNodeSerializer(many=True))
    @action(detail=False)
    def tree(self, request: Request) -> Response:
        """Show the whole tree depth first, each instance with its depth and open tasks: one query."""
        rows = Instance.objects.in_tree_order().with_open_work().for_principal(request.user)
        return Response({"results": TreeNodeSerializer.show_all(rows)})

    @extend_schema(responses={200: {"type": "object", "additionalProperties": True}})
    @action(detail=True)
    def hierarchy(self, request: Request, pk: str) -> Response:
        """Show the instance between those above and those below it."""
        instance = self.get_object()
        above = Instance.objects.ancestors_of(instance).for_principal(request.user)
        below = Instance.objects.descendants_of(instance).in_tree_order()
        return Response({
            "ancestors": InstanceSerializer.show_all(above.in_tree_order()),
            "instance": InstanceSerializer.show(instance),
            "descendants": InstanceSerializer.show_all(below),
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
