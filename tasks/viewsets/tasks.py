"""The list of tasks, and many at once."""

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Count, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.errors import HopperError, Invalid
from hopper.common.models import Role
from hopper.common.rest.serializers import LeanSerializer
from hopper.common.rest.viewsets import CHANGE_ACCESS
from tasks import operations
from tasks.deadlines import NEVER
from tasks.filters import TaskFilter
from tasks.models import Task
from tasks.serializers import BulkInput, BulkResult, DependencySerializer, TaskInput, TaskSerializer
from tasks.viewsets.deadlines import DEADLINE_ACCESS, DeadlineDoors
from tasks.viewsets.ready import READY_ACCESS, READY_ORDERINGS, ReadyDoors
from tasks.viewsets.relations import RELATION_ACCESS, RelationDoors
from tasks.viewsets.work import PLAIN_VERBS, WORK_ACCESS, WorkDoors

LARGEST_BULK = 1000
BULK_BODY = 5 * 1024 * 1024
ABOUT_EXECUTORS = ("executor", "executor_type")
PARAMETERS = {
    "ready": ("explain", *ABOUT_EXECUTORS), "next": ("limit", *ABOUT_EXECUTORS), "at_risk": ("within",),
}  # fmt: skip


class TaskViewSet(ReadyDoors, DeadlineDoors, WorkDoors, RelationDoors):
    """The work: what came in, where it stands, who holds it."""

    queryset = Task.objects.with_edges()
    serializer_class = TaskSerializer
    write_serializer_class = TaskInput
    filterset_class = TaskFilter
    also_shows: ClassVar[tuple[type[LeanSerializer], ...]] = (DependencySerializer,)
    kept_words = ("lease_until", "delete", "errors", "code")
    access = {
        **CHANGE_ACCESS,
        "create": Role.EXECUTOR,
        "bulk": Role.OPERATOR,
        **WORK_ACCESS,
        **READY_ACCESS,
        **DEADLINE_ACCESS,
        **RELATION_ACCESS,
        "stats": Role.VIEWER,
    }
    orderings: ClassVar = {
        "created_at": "created_at", "updated_at": "updated_at", "priority": "priority_rank", "title": "title",
        "status": "status", "due_at": Coalesce("due_at", Value(NEVER)), **READY_ORDERINGS,
    }  # fmt: skip
    row_name = "task"
    create_row = staticmethod(operations.submit_task)
    change_row = staticmethod(operations.change_task)
    delete_row = staticmethod(operations.delete_task)

    @property
    def parameters(self) -> tuple[str, ...]:
        return PARAMETERS.get(self.action, ())

    @property
    def max_body(self) -> int:
        return BULK_BODY if self.action == "bulk" else 1024 * 1024

    # -- lists

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "integer"}}})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        """Count the tasks, in all and by status."""
        counts = dict.fromkeys(Task.Status.values, 0)
        seen = Task.objects.for_principal(request.user)
        counts |= {row["status"]: row["n"] for row in seen.values("status").annotate(n=Count("*"))}
        return Response({"total": sum(counts.values()), **counts})

    # -- many at once

    @extend_schema(
        request=BulkInput, responses=BulkResult, parameters=[OpenApiParameter("partial", bool, required=False)]
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Create, update and delete up to 1,000 tasks: all or nothing, or `?partial=true` with a result each."""
        lists = BulkInput.checked(request.data)
        total = sum(len(entries) for entries in lists.values())
        if total > LARGEST_BULK:
            raise ValidationError({"create": [f"{total} entries: send at most {LARGEST_BULK} at a time."]})
        if self.flag("partial", default=False):
            return Response({kind: [self._try(kind, entry) for entry in lists[kind]] for kind in lists})
        with transaction.atomic():
            created = operations.create_tasks(rows=self._rows(lists["create"]), actor=self.actor)
            updated = [self._update(entry, f"update.{n}") for n, entry in enumerate(lists["update"])]
            self.visible(lists["delete"], "delete")
            deleted = operations.delete_tasks(ids=lists["delete"], actor=self.actor)
        return Response({"create": self.read_all(created), "update": self.read_all(updated), "delete": deleted})

    def _rows(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.checked_task(entry, f"create.{number}") for number, entry in enumerate(entries)]

    def _update(self, entry: dict[str, Any], place: str) -> Task:
        entry = dict(entry)
        key, verb = entry.pop("id", None), entry.pop("verb", None)
        task = self.visible([key], f"{place}.id")[0]
        if verb is None:
            return operations.change_task(task=task, actor=self.actor, **self.checked_task(entry, place, task))
        if not isinstance(verb, str) or verb not in PLAIN_VERBS:
            raise ValidationError({f"{place}.verb": [f"Use one of {', '.join(PLAIN_VERBS)}."]})
        return self.move(task, verb, entry)

    def seen(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.principal.is_limited:
            self.visible(fields.get("depends_on", []), "depends_on")
        return super().seen(fields)

    def _try(self, kind: str, entry: Any) -> Any:
        try:
            with transaction.atomic():
                if kind == "delete":
                    return operations.delete_tasks(ids=[self.visible([entry], "delete")[0].pk], actor=self.actor)[0]
                if kind == "update":
                    return self.read_all([self._update(entry, "update")])[0]
                return self.read_all(operations.create_tasks(rows=self._rows([entry]), actor=self.actor))[0]
        except ValidationError as error:
            return {"errors": error.detail}
        except Invalid as error:
            return {"errors": error.errors}
        except HopperError as error:
            return {"errors": {error.field or "non_field_errors": [error.message]}, "code": error.code}
