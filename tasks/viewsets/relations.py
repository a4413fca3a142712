"""Doors to what hangs on a task: what it waits for, what waits for it, what it is part of."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from tasks import operations
from tasks.models import Task
from tasks.serializers import (
    DecomposeInput,
    DependencyInput,
    DependencySerializer,
    RelatedTaskSerializer,
    TaskSerializer,
)
from tasks.viewsets.base import TaskDoors

LOOKS = dict.fromkeys(("dependencies", "blocked", "blockers", "lineage"), Role.VIEWER)
WRITES = dict.fromkeys(("add_dependency", "remove_dependency"), Role.OPERATOR)
RELATION_ACCESS = {**LOOKS, **WRITES, "decompose": Role.EXECUTOR}


class RelationDoors(TaskDoors):
    """Dependencies, subtasks and lineage."""

    @extend_schema(responses=DependencySerializer(many=True))
    @action(detail=True)
    def dependencies(self, request: Request, pk: str) -> Response:
        """List what the task waits for."""
        rows = self.get_object().waits_for.order_by("created_at", "pk")
        return Response({"results": DependencySerializer.show_all(rows)})

    @extend_schema(request=DependencyInput, responses={201: DependencySerializer})
    @dependencies.mapping.post
    def add_dependency(self, request: Request, pk: str) -> Response:
        """Let the task wait for another."""
        wanted = DependencyInput.checked(request.data)
        other = self.visible([wanted.pop("depends_on")], "depends_on")[0]
        made = operations.add_dependency(task=self.get_object(), depends_on=other, actor=self.actor, **wanted)
        return Response(DependencySerializer.show(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path="dependencies/(?P<other>[^/]+)")
    def remove_dependency(self, request: Request, pk: str, other: str) -> Response:
        """Let the task no longer wait for the other."""
        wanted = get_object_or_404(Task.objects.for_principal(request.user), pk=other)
        operations.remove_dependency(task=self.get_object(), depends_on=wanted, actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=RelatedTaskSerializer(many=True))
    @action(detail=True)
    def blocked(self, request: Request, pk: str) -> Response:
        """List every task that waits for this one, directly or through others."""
        return self._related(Task.objects.behind(self.get_object()))

    @extend_schema(responses=RelatedTaskSerializer(many=True))
    @action(detail=True)
    def blockers(self, request: Request, pk: str) -> Response:
        """List every task that this one waits for, directly or through others."""
        return self._related(Task.objects.before(self.get_object()))

    @extend_schema(responses=RelatedTaskSerializer(many=True))
    @action(detail=True)
    def lineage(self, request: Request, pk: str) -> Response:
        """List the tasks that this one is part of, from the root down, then itself, then its subtasks at any depth."""
        return self._related(Task.objects.lineage_of(self.get_object()))

    def _related(self, tasks: list[Task]) -> Response:
        seen = Task.objects.for_principal(self.principal).in_bulk([task.pk for task in tasks])
        return Response({"results": RelatedTaskSerializer.show_all(task for task in tasks if task.pk in seen)})

    @extend_schema(request=DecomposeInput, responses={201: TaskSerializer(many=True)})
    @action(detail=True, methods=["post"])
    def decompose(self, request: Request, pk: str) -> Response:
        """Split a routed task, or one that you hold, into subtasks; the last of them completes it."""
        wanted = DecomposeInput.checked(request.data)
        rows = [self.checked_task(entry, f"subtasks.{number}") for number, entry in enumerate(wanted["subtasks"])]
        proof = self.proof_of_hold(wanted)
        made = operations.decompose_task(task=self.get_object(), subtasks=rows, actor=self.actor, **proof)
        return Response({"results": self.read_all(made)}, status=status.HTTP_201_CREATED)
