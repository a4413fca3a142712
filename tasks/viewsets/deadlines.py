"""Doors to what is about to breach, and to what is to be expected of one task."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError as Wrong
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.durations import read_duration
from hopper.common.models import Role
from projects.models import Project
from tasks import operations
from tasks.serializers import FutureSerializer
from tasks.viewsets.base import TaskDoors

DEADLINE_ACCESS = dict.fromkeys(("at_risk", "deadlines"), Role.VIEWER)


class DeadlineDoors(TaskDoors):
    """Deadlines, places in the queue, waits and escalation."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action == "at_risk":
            self.orderings, self.default_ordering = {"deadline": "breaks_at"}, "deadline"  # type: ignore[misc]

    @extend_schema(
        parameters=[OpenApiParameter("within", str, description="How far ahead to look, like 4h; default 1d.")],
        responses=FutureSerializer(many=True),
    )
    @action(detail=False, url_path="at-risk")
    def at_risk(self, request: Request) -> Response:
        """List the open tasks whose deadline has passed or comes soon, what breaches first at the top."""
        now, places = timezone.now(), Project.objects.promises()
        rows: Any = self.filter_queryset(self.get_queryset())
        page = self.paginate_queryset(rows.breaking_before(now + self._horizon(), places).with_place()) or []
        self._look_ahead(page, places)
        return self.get_paginated_response(FutureSerializer.show_all(page))

    @extend_schema(responses=FutureSerializer)
    @action(detail=True)
    def deadlines(self, request: Request, pk: str) -> Response:
        """Show a task's deadline, its place in the queue, its expected wait, and what escalation did and will do."""
        places = Project.objects.promises()
        task = self.get_queryset().with_deadlines(places).with_place().get(pk=self.get_object().pk)
        self._look_ahead([task], places)
        return Response(FutureSerializer.show(task))

    def _look_ahead(self, tasks: list[Any], places: Any) -> None:
        futures = operations.foresee(tasks=tasks, places=places)
        for task in tasks:
            task.future = futures[task.pk]

    def _horizon(self) -> timedelta:
        try:
            return read_duration(self.request.query_params.get("within", "1d"))
        except Wrong as error:
            raise ValidationError({"within": error.messages}) from error
