from collections.abc import Callable
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import Count, Value
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.errors import HopperError, Invalid
from hopper.common.models import Role
from hopper.common.rest.filters import check_words
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import CHANGE_ACCESS, OperatedViewSet
from tasks import operations
from tasks.filters import TaskFilter
from tasks.models import Task
from tasks.models.task import NEVER
from tasks.serializers import (
    BulkInput,
    BulkResult,
    ClaimInput,
    ClaimResult,
    DependencyInput,
    DependencySerializer,
    HoldInput,
    ReasonInput,
    TaskInput,
    TaskSerializer,
)

LARGEST_BULK = 1000
BULK_BODY = 5 * 1024 * 1024
LEASE_VERBS = ("claim", "heartbeat", "start", "release", "complete", "fail")
PLAIN_VERBS: dict[str, Callable[..., Task]] = {
    "cancel": operations.cancel_task,
    "block": operations.block_task,
    "unblock": operations.unblock_task,
    "retry": operations.retry_task,
}
REASONED = ("cancel", "block")


class TaskViewSet(OperatedViewSet):
    """The work: what came in, where it stands, who holds it."""

    queryset = Task.objects.with_edges()
    serializer_class = TaskSerializer
    write_serializer_class = TaskInput
    filterset_class = TaskFilter
    access = {
        **CHANGE_ACCESS,
        "create": Role.EXECUTOR,
        "bulk": Role.OPERATOR,
        **dict.fromkeys(LEASE_VERBS, Role.EXECUTOR),
        **dict.fromkeys(PLAIN_VERBS, Role.OPERATOR),
        **dict.fromkeys(("search", "ready", "stats", "dependencies"), Role.VIEWER),
        **dict.fromkeys(("add_dependency", "remove_dependency"), Role.OPERATOR),
    }
    orderings: ClassVar = {
        "created_at": "created_at", "updated_at": "updated_at", "priority": "priority_rank", "title": "title",
        "status": "status", "due_at": Coalesce("due_at", Value(NEVER)),
    }  # fmt: skip
    row_name = "task"
    create_row = staticmethod(operations.submit_task)
    change_row = staticmethod(operations.change_task)
    delete_row = staticmethod(operations.delete_task)

    @property
    def parameters(self) -> tuple[str, ...]:
        return {"search": ("q",)}.get(self.action, ())

    @property
    def max_body(self) -> int:
        return BULK_BODY if self.action == "bulk" else 1024 * 1024

    # -- lists

    @extend_schema(parameters=[OpenApiParameter("q", str, required=True)], responses=TaskSerializer(many=True))
    @action(detail=False)
    def search(self, request: Request) -> Response:
        """Find tasks whose title or description contains every word of `q`."""
        words = request.query_params.get("q", "").strip()
        check_words(words, "q")
        if not words:
            raise ValidationError({"q": ["Send the words to look for: /tasks/search?q=login+error."]})
        return self.pages(self.filter_queryset(self.get_queryset().search(words)))

    @extend_schema(responses=TaskSerializer(many=True))
    @action(detail=False)
    def ready(self, request: Request) -> Response:
        """List the tasks that may be claimed now."""
        return self.pages(self.filter_queryset(self.get_queryset().ready()))

    @extend_schema(responses={200: {"type": "object", "additionalProperties": {"type": "integer"}}})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        """Count the tasks, in all and by status."""
        counts = dict.fromkeys(Task.Status.values, 0)
        seen = Task.objects.for_principal(request.user)
        counts |= {row["status"]: row["n"] for row in seen.values("status").annotate(n=Count("pk"))}
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
            self._visible(lists["delete"], "delete")
            deleted = operations.delete_tasks(ids=lists["delete"], actor=self.actor)
        return Response({"create": self._read(created), "update": self._read(updated), "delete": deleted})

    def _rows(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self._checked(entry, f"create.{number}") for number, entry in enumerate(entries)]

    def _checked(self, entry: dict[str, Any], place: str, task: Task | None = None) -> dict[str, Any]:
        try:
            return self.seen(TaskInput.checked(entry, task, partial=task is not None))
        except ValidationError as error:
            faults = cast(dict[str, Any], error.detail)
            raise ValidationError({f"{place}.{name}": texts for name, texts in faults.items()}) from error

    def _update(self, entry: dict[str, Any], place: str) -> Task:
        entry = dict(entry)
        key, verb = entry.pop("id", None), entry.pop("verb", None)
        task = self._visible([key], f"{place}.id")[0]
        if verb is None:
            return operations.change_task(task=task, actor=self.actor, **self._checked(entry, place, task))
        if not isinstance(verb, str) or verb not in PLAIN_VERBS:
            raise ValidationError({f"{place}.verb": [f"Use one of {', '.join(PLAIN_VERBS)}."]})
        return self._move(task, verb, entry)

    def _visible(self, keys: list[Any], place: str) -> list[Task]:
        names = [key for key in keys if isinstance(key, str)]
        found = Task.objects.for_principal(self.request.user).in_bulk(names)
        missing = [key for key in keys if not isinstance(key, str) or key not in found]
        if missing:
            raise ValidationError({place: [f"There is no task {str(missing[0])[:60]!r} that you may see."]})
        return [found[key] for key in keys]

    def seen(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.principal.is_limited:
            self._visible(fields.get("depends_on", []), "depends_on")
        return super().seen(fields)

    def _try(self, kind: str, entry: Any) -> Any:
        try:
            with transaction.atomic():
                if kind == "delete":
                    return operations.delete_tasks(ids=[self._visible([entry], "delete")[0].pk], actor=self.actor)[0]
                if kind == "update":
                    return self._read([self._update(entry, "update")])[0]
                return self._read(operations.create_tasks(rows=self._rows([entry]), actor=self.actor))[0]
        except ValidationError as error:
            return {"errors": error.detail}
        except Invalid as error:
            return {"errors": error.errors}
        except HopperError as error:
            return {"errors": {error.field or "non_field_errors": [error.message]}, "code": error.code}

    def _read(self, tasks: list[Task]) -> list[dict[str, Any]]:
        rows = Task.objects.with_edges().in_bulk([task.pk for task in tasks])
        return TaskSerializer.show_all(rows[task.pk] for task in tasks)

    # -- verbs of whoever works on it

    @extend_schema(request=ClaimInput, responses=ClaimResult)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Take a ready task under a lease; every later call names the fence of the answer."""
        wanted = ClaimInput.checked(request.data)
        task = operations.claim_task(
            task_id=self.get_object().pk, owner=self._holder(wanted.get("executor")),
            lease_seconds=wanted.get("lease_seconds"),
        )  # fmt: skip
        return Response(self._held(task))

    @extend_schema(request=HoldInput, responses=ClaimResult)
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, pk: str) -> Response:
        """Renew the lease."""
        hold = self._hold("fence")
        task = operations.heartbeat_task(lease_seconds=hold.get("lease_seconds"), **self._proof(hold))
        return Response(self._held(task))

    @extend_schema(request=HoldInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Begin to work; a person may leave the fence out, which claims the task for them."""
        hold = self._hold()
        return Response(self.read(operations.start_task(actor=self.actor, **self._proof(hold))))

    @extend_schema(request=HoldInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Finish the work with its result; a person may leave the fence out, which claims the task for them."""
        hold = self._hold()
        done = operations.complete_task(actor=self.actor, result=hold.get("result"), **self._proof(hold))
        return Response(self.read(done))

    @extend_schema(request=HoldInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def fail(self, request: Request, pk: str) -> Response:
        """Give up the work and say why."""
        hold = self._hold("fence")
        failed = operations.fail_task(actor=self.actor, reason=hold.get("reason", ""), **self._proof(hold))
        return Response(self.read(failed))

    @extend_schema(request=HoldInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Give the task back for others to claim."""
        hold = self._hold("fence")
        released = operations.release_task(actor=self.actor, reason=hold.get("reason", ""), **self._proof(hold))
        return Response(self.read(released))

    def _hold(self, *required: str) -> dict[str, Any]:
        serializer = HoldInput(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        hold = dict(serializer.validated_data)
        needed = required or (() if self.principal.is_person else ("fence",))
        for name in needed:
            if name not in hold:
                raise ValidationError({name: ["Send the fence that your claim was answered with."]})
        return hold

    def _proof(self, hold: dict[str, Any]) -> dict[str, Any]:
        """Return who acts on which hold; an operator may act for whoever holds the task."""
        acts_for = self.principal.may(Role.OPERATOR) and "fence" in hold
        owner = None if acts_for else self._holder(hold.get("executor"))
        return {"task_id": self.get_object().pk, "fence": hold.get("fence"), "owner": owner}

    def _holder(self, executor: str | None) -> str:
        return f"{self.actor}/{executor}" if executor else self.actor

    def _held(self, task: Task) -> dict[str, Any]:
        return {"task": self.read(task), "fence": task.fence, "lease_until": task.lease_until}

    # -- verbs of whoever runs it

    @extend_schema(request=ReasonInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End a task that nobody wants any more."""
        return self._act("cancel")

    @extend_schema(request=ReasonInput, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def block(self, request: Request, pk: str) -> Response:
        """Park a task: nobody may claim it."""
        return self._act("block")

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def unblock(self, request: Request, pk: str) -> Response:
        """Let a parked task be claimed again."""
        return self._act("unblock")

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Send a failed task round again."""
        return self._act("retry")

    def _act(self, verb: str) -> Response:
        return Response(self.read(self._move(self.get_object(), verb, self.request.data)))

    def _move(self, task: Task, verb: str, data: Any) -> Task:
        wanted = (ReasonInput if verb in REASONED else StrictSerializer).checked(data)
        return PLAIN_VERBS[verb](task=task, actor=self.actor, **wanted)

    # -- dependencies

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
        other = self._visible([wanted.pop("depends_on")], "depends_on")[0]
        made = operations.add_dependency(task=self.get_object(), depends_on=other, actor=self.actor, **wanted)
        return Response(DependencySerializer.show(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path="dependencies/(?P<other>[^/]+)")
    def remove_dependency(self, request: Request, pk: str, other: str) -> Response:
        """Let the task no longer wait for the other."""
        wanted = get_object_or_404(Task.objects.for_principal(request.user), pk=other)
        operations.remove_dependency(task=self.get_object(), depends_on=wanted, actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)
