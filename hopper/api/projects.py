"""Projects with what was learned of them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.places import named_project
from hopper.common.models import Role
from hopper.common.rest.serializers import StrictCharField, StrictSerializer
from projects.serializers import ProjectSerializer
from projects.viewsets import ProjectViewSet
from routing import operations


class MergeInput(StrictSerializer):
    """What a project is merged into."""

    into = StrictCharField(max_length=100, help_text="The name or slug of another project that takes work.")


class MergedSerializer(serializers.Serializer):
    """What a merge moved, and how many open tasks are still at the project."""

    project = ProjectSerializer()
    lessons = serializers.IntegerField()
    patterns = serializers.IntegerField()
    tasks = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Held or blocked, or beyond the 200 of one request: ask again.")


class ComposedProjectViewSet(ProjectViewSet):
    """The destinations, with what was learned of them."""

    access: ClassVar = {**ProjectViewSet.access, "merge": Role.OPERATOR}

    @extend_schema(request=MergeInput, responses=MergedSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, name: str) -> Response:
        """Merge the project into another, as after a rename: what was learned of it and what waits goes there."""
        project, wanted = self.get_object(), MergeInput.checked(request.data)
        if self.principal.is_limited:
            raise PermissionDenied("A merge moves lessons and tasks of the whole house: use a key without limits.")
        into: Any = named_project(wanted["into"], self.principal, field="into")
        merged = operations.merge_project(project=project, into=into, actor=self.actor)
        return Response(MergedSerializer(merged).data)
