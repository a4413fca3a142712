from typing import Any, ClassVar

from django.db.models import Q
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.viewsets import CHANGE_ACCESS, OperatedViewSet
from projects import operations
from projects.filters import ProjectFilter
from projects.models import Project
from projects.serializers import ProjectInput, ProjectSerializer, StatisticsSerializer


class ProjectViewSet(OperatedViewSet):
    """The destinations that can receive tasks; found by name or by slug."""

    queryset = Project.objects.all()
    serializer_class = ProjectSerializer
    write_serializer_class = ProjectInput
    filterset_class = ProjectFilter
    access = {**CHANGE_ACCESS, "register": Role.OPERATOR, "active": Role.VIEWER, "statistics": Role.VIEWER}
    orderings: ClassVar = {"name": "name", "created_at": "created_at"}
    default_ordering = "name"
    lookup_url_kwarg = "name"
    row_name = "project"
    create_row = staticmethod(operations.register_project)
    change_row = staticmethod(operations.change_project)
    delete_row = staticmethod(operations.delete_project)

    def get_serializer_class(self) -> Any:
        return ProjectInput if self.action == "register" else super().get_serializer_class()

    def get_object(self) -> Project:
        name = self.kwargs["name"]
        project = get_object_or_404(self.get_queryset(), Q(pk=name) | Q(slug=name))
        self.check_object_permissions(self.request, project)
        return project

    @extend_schema(request=ProjectInput, responses={201: ProjectSerializer})
    @action(detail=False, methods=["post"])
    def register(self, request: Request) -> Response:
        """Register a project: the same as POST /projects."""
        return self.create(request)

    @extend_schema(responses=ProjectSerializer(many=True))
    @action(detail=False)
    def active(self, request: Request) -> Response:
        """List the projects that take new tasks."""
        return self.pages(self.filter_queryset(self.get_queryset().active()))

    @extend_schema(responses=StatisticsSerializer)
    @action(detail=True)
    def statistics(self, request: Request, name: str) -> Response:
        """Count the project's tasks, in all and by status."""
        project = Project.objects.with_statistics().get(pk=self.get_object().pk)
        return Response(StatisticsSerializer(project).data)
