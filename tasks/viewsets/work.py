"""Doors for whoever works on tasks, and for whoever runs the work."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.principals import holder
from hopper.common.rest.serializers import StrictSerializer
from tasks import operations
from tasks.models import Task
from tasks.serializers import (
    ClaimInput,
    ClaimNextInput,
    ClaimResult,
    ClaimResults,
    HoldInput,
    ReasonInput,
    TaskSerializer,
)
from tasks.viewsets.base import TaskDoors, executor_of

LEASE_VERBS = ("claim", "claim_next", "heartbeat", "start", "release", "complete", "fail")
PLAIN_VERBS: dict[str, Callable[..., Task]] = {
    "cancel": operations.cancel_task,
    "block": operations.block_task,
    "unblock": operations.unblock_task,
    "retry": operations.retry_task,
}
REASONED = ("cancel", "block")
WORK_ACCESS = {**dict.fromkeys(LEASE_VERBS, Role.EXECUTOR), **dict.fromkeys(PLAIN_VERBS, Role.OPERATOR)}


class WorkDoors(TaskDoors):
    """Claims, holds and the verbs of a task's life."""

    @extend_schema(request=ClaimInput, responses=ClaimResult)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Take a ready task under a lease; every later call names the fence of the answer."""
        wanted = ClaimInput.checked(request.data)
        claimed = operations.claim_task(task_id=self.get_object().pk, **self._claimer(wanted))
        return Response(self._held([claimed])[0])

    @extend_schema(request=ClaimNextInput, responses=ClaimResults)
    @action(detail=False, methods=["post"], url_path="claim-next")
    def claim_next(self, request: Request) -> Response:
        """Take the first ready tasks, at most `limit`, in one step; none of them is anybody else's."""
        wanted = ClaimNextInput.checked(request.data)
        claimed = operations.claim_next(
            among=self._among(wanted),
            count=wanted.get("limit", 1),
            fair_share=wanted.get("fair_share"),
            **self._claimer(wanted),
        )
        return Response({"claims": self._held(claimed)})

    def _among(self, wanted: dict[str, Any]) -> Any:
        """Return the tasks that are asked for; None for all, as what is closed to the claimer is not ready for it."""
        if not (self.principal.is_limited or "project" in wanted or wanted.get("tags")):
            return None
        among = Task.objects.for_principal(self.principal)
        among = among.in_project(wanted["project"]) if "project" in wanted else among
        return among.tagged(*wanted["tags"]) if wanted.get("tags") else among

    @extend_schema(request=HoldInput, responses=ClaimResult)
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, pk: str) -> Response:
        """Renew the lease."""
        hold = self._hold("fence")
        task = operations.heartbeat_task(lease_seconds=hold.get("lease_seconds"), **self._proof(hold))
        return Response(self._held([task])[0])

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
        owner = None if acts_for else holder(self.principal, hold.get("executor"))
        return {"task_id": self.get_object().pk, "fence": hold.get("fence"), "owner": owner}

    def _claimer(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return who claims, and for how long."""
        executor = executor_of(self.principal, wanted)
        return {
            "owner": executor.holder, "executor_type": executor.kind, "lease_seconds": wanted.get("lease_seconds"),
        }  # fmt: skip

    def _held(self, tasks: list[Task]) -> list[dict[str, Any]]:
        return [
            {
                "task": shown, "fence": task.fence, "lease_until": task.lease_until,
                "heartbeat_seconds": task.heartbeat_seconds,
            }
            for task, shown in zip(tasks, self.read_all(tasks), strict=True)
        ]  # fmt: skip

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
        return Response(self.read(self.move(self.get_object(), verb, self.request.data)))

    def move(self, task: Task, verb: str, data: Any) -> Task:
        wanted = (ReasonInput if verb in REASONED else StrictSerializer).checked(data)
        return PLAIN_VERBS[verb](task=task, actor=self.actor, **wanted)
