"""A task on its way through the tree: who it is offered to, and where it was."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.api.advice import AdvisedTaskViewSet
from hopper.api.places import named_instance
from hopper.common.models import Role
from routing import operations
from routing.models import Delegation
from routing.serializers import ChainSerializer, DelegateInput, DelegationSerializer
from tasks.serializers import TaskSerializer


class DelegatedTaskViewSet(AdvisedTaskViewSet):
    """Handing a task on, and its way so far."""

    access: ClassVar = {**AdvisedTaskViewSet.access, "delegations": Role.VIEWER, "delegate": Role.EXECUTOR}
    also_shows = (*AdvisedTaskViewSet.also_shows, DelegationSerializer)

    @extend_schema(responses=ChainSerializer)
    @action(detail=True)
    def delegations(self, request: Request, pk: str) -> Response:
        """Show the whole way of the task: its hops, where it was from when to when, and who held it there."""
        chain = operations.chain_of(task=self.get_object())
        return Response(ChainSerializer({"results": chain["hops"], "stays": chain["stays"]}).data)

    @extend_schema(request=DelegateInput, responses={201: DelegationSerializer, 200: TaskSerializer})
    @action(detail=True, methods=["post"])
    def delegate(self, request: Request, pk: str) -> Response:
        """Offer the task to another instance; 200 with the task if it was split, or went before a person instead."""
        wanted = DelegateInput.checked(request.data)
        told = {"task": self.get_object(), "actor": self.actor, **self.proof_of_hold(wanted)}
        if wanted["delegation_type"] == Delegation.Type.DECOMPOSE:
            operations.split_task(parts=self._parts(wanted), **told)
            return Response(self.read(told["task"]))
        told |= {name: wanted[name] for name in ("delegation_type", "reason") if name in wanted}
        hop = operations.delegate_task(target=self._place(wanted), **told)
        if hop is None:
            return Response(self.read(told["task"]))
        return Response(DelegationSerializer.show(hop), status=status.HTTP_201_CREATED)

    def _parts(self, wanted: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
        """Return each part with the instance that it names, or else with the one that all are meant for."""
        if not wanted.get("subtasks"):
            raise ValidationError({"subtasks": ["Name the parts that the task is split into."]})
        parts = []
        for number, entry in enumerate(wanted["subtasks"]):
            place = self._place({"target_instance_id": entry.pop("target_instance_id", None)}) or self._place(wanted)
            parts.append((self.checked_task(entry, f"subtasks.{number}"), place))
        return parts

    def _place(self, named: dict[str, Any]) -> Any:
        name = named.get("target_instance_id")
        if name is not None and not isinstance(name, str):
            raise ValidationError({"target_instance_id": ["Send a text in quotes."]})
        return named_instance(name, self.principal, field="target_instance_id")
