"""Doors to what may be done now, and why the rest may not."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.pagination import page_size
from tasks import operations
from tasks.readiness import open_tasks_behind
from tasks.serializers import TaskSerializer, WaitingTaskSerializer
from tasks.viewsets.base import TaskDoors, executor_of

READY_ACCESS = dict.fromkeys(("ready", "next"), Role.VIEWER)
CLAIM_ORDER = "claim_rank,claim_by,created_at"
READY_ORDERINGS: dict[str, Any] = {
    "claim_rank": "claim_rank", "claim_by": "claim_by", "unblocks": open_tasks_behind(),
}  # fmt: skip
EXECUTOR = [
    OpenApiParameter("executor", str, description="The name that the executor claims under."),
    OpenApiParameter("executor_type", str, description="human, agent, orchestration, …"),
]


class ReadyDoors(TaskDoors):
    """The list that executors work from."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action == "ready" and request.query_params.get("explain") != "true":
            self.default_ordering = CLAIM_ORDER

    @extend_schema(
        parameters=[
            OpenApiParameter("explain", bool, description="true lists the open tasks that are not ready, and why."),
            *EXECUTOR,
        ],
        responses=TaskSerializer(many=True),
    )
    @action(detail=False)
    def ready(self, request: Request) -> Response:
        """List the tasks that may be claimed now, in the order of claims; `ordering=-unblocks` by what they free."""
        rows: Any = self.filter_queryset(self.get_queryset())
        executor = self._executor()
        if not self.flag("explain", default=False):
            return self.pages(rows.ready(executor))
        page = self.paginate_queryset(rows.not_ready(executor).with_conditions(executor)) or []
        reasons = operations.explain(tasks=page)
        for task in page:
            task.waits_for_what = reasons[task.pk]
        return self.get_paginated_response(WaitingTaskSerializer.show_all(page))

    @extend_schema(
        parameters=[*EXECUTOR, OpenApiParameter("limit", int, description="At most 100; default 1.")],
        responses=TaskSerializer(many=True),
    )
    @action(detail=False)
    def next(self, request: Request) -> Response:
        """Show the tasks that the executor would get from claim-next; nothing is claimed."""
        rows: Any = self.filter_queryset(self.get_queryset())
        first = rows.ready(self._executor())[: page_size(request, "limit", 1)]
        return Response({"results": TaskSerializer.show_all(first)})

    def _executor(self) -> Any:
        asked = {name: self.request.query_params.get(name) for name in ("executor", "executor_type")}
        return executor_of(self.principal, asked) if any(asked.values()) else None
