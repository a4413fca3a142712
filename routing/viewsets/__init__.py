from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.models import Role
from hopper.common.rest.principals import holder
from hopper.common.rest.serializers import StrictSerializer
from hopper.common.rest.viewsets import READ_ACCESS, ChangedViewSet, OperatedViewSet, ReadViewSet
from instances.models import Instance
from routing import operations
from routing.filters import DecisionFilter, DelegationFilter, EpisodeFilter, PatternFilter
from routing.models import Decision, Delegation, Episode, Pattern
from routing.serializers import (
    CancelInput,
    DecisionSerializer,
    DelegationChange,
    DelegationSerializer,
    EpisodeSerializer,
    PatternInput,
    PatternSerializer,
    RejectInput,
    ResultInput,
)
from routing.viewsets.policies import BY_ADMINISTRATORS, PolicyViewSet, ProposalViewSet

GROUPS = {"strategy": "decided_by", "project": "project", "day": "day", "outcome": "outcome"}
HOP_ACCESS = {**READ_ACCESS} | dict.fromkeys(("update", "partial_update", "destroy", "cancel"), Role.OPERATOR)


class DecisionViewSet(ReadViewSet):
    """Where each task is to go, and how that was decided."""

    queryset = Decision.objects.all()
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilter
    access = {**READ_ACCESS, "analytics": Role.VIEWER}
    orderings: ClassVar = {"decided_at": "decided_at", "confidence": "confidence"}
    default_ordering = "-decided_at"

    def told(self, row: Decision) -> Decision:
        return operations.told_decision(decision=row, among=self.principal.projects or None)

    @extend_schema(
        parameters=[OpenApiParameter("by", str, enum=list(GROUPS))],
        responses={200: {"type": "object", "properties": {"results": {"type": "array", "items": {"type": "object"}}}}},
    )
    @action(detail=False)
    def analytics(self, request: Request) -> Response:
        """Count decisions, their mean confidence, the accuracy of the judged, and the time they took."""
        by = request.query_params.get("by", "strategy")
        if by not in GROUPS:
            raise ValidationError({"by": [f"Group by one of {', '.join(GROUPS)}."]})
        rows = self.get_queryset().analytics(GROUPS[by]).order_by(GROUPS[by])
        return Response({"results": [_accuracy(row) for row in rows]})


def _accuracy(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"accuracy": row["right"] / row["judged"] if row["judged"] else None}


class EpisodeViewSet(ReadViewSet):
    """The history of routing."""

    queryset = Episode.objects.all()
    serializer_class = EpisodeSerializer
    filterset_class = EpisodeFilter
    orderings: ClassVar = {"routed_at": "routed_at", "confidence": "confidence"}
    default_ordering = "-routed_at"

    def told(self, row: Episode) -> Episode:
        return operations.told_episode(episode=row, among=self.principal.projects or None)


class PatternViewSet(OperatedViewSet):
    """Regularities, learned or written."""

    queryset = Pattern.objects.all()
    serializer_class = PatternSerializer
    write_serializer_class = PatternInput
    filterset_class = PatternFilter
    access = BY_ADMINISTRATORS
    orderings: ClassVar = {"created_at": "created_at", "confidence": "confidence", "name": "name"}
    row_name = "pattern"
    create_row = staticmethod(operations.create_pattern)
    change_row = staticmethod(operations.change_pattern)
    delete_row = staticmethod(operations.delete_pattern)


class DelegationViewSet(ChangedViewSet):
    """The hops of tasks through the tree, and the answers of those they were offered to."""

    queryset = Delegation.objects.all()
    serializer_class = DelegationSerializer
    write_serializer_class = DelegationChange
    filterset_class = DelegationFilter
    access: ClassVar = {**HOP_ACCESS, **dict.fromkeys(("accept", "reject", "complete"), Role.EXECUTOR)}
    orderings: ClassVar = {"delegated_at": "delegated_at"}
    default_ordering = "-delegated_at"
    row_name = "delegation"
    change_row = staticmethod(operations.change_delegation)
    delete_row = staticmethod(operations.delete_delegation)

    @extend_schema(request=None, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, pk: str) -> Response:
        """Take the task to the target; the first answer counts."""
        StrictSerializer.checked(request.data)
        return Response(self.read(operations.accept_delegation(delegation=self._mine("target"), actor=self.actor)))

    @extend_schema(request=RejectInput, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        """Decline an offer, or give an accepted task back, and say why; the next candidate is asked."""
        wanted = RejectInput.checked(request.data)
        return Response(self.read(
            operations.reject_delegation(delegation=self._mine("target"), actor=self.actor, **wanted)
        ))  # fmt: skip

    @extend_schema(request=ResultInput, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        """Finish the task at the target, which completes each open hop above it too."""
        wanted = ResultInput.checked(request.data)
        label = wanted.pop("executor", None)
        owner = None if self.principal.may(Role.OPERATOR) else holder(self.principal, label)
        return Response(self.read(operations.complete_delegation(
            delegation=self._mine("target"), actor=self.actor, owner=owner, **wanted
        )))  # fmt: skip

    @extend_schema(request=CancelInput, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take the task back to the source, from wherever below it has gone."""
        wanted = CancelInput.checked(request.data)
        return Response(self.read(
            operations.cancel_delegation(delegation=self._mine("source"), actor=self.actor, **wanted)
        ))  # fmt: skip

    def _mine(self, end: str) -> Delegation:
        """Return the hop if the principal may speak for that end of it.

        :raises PermissionDenied: if its branches do not reach there
        """
        hop: Delegation = self.get_object()
        branches = self.principal.instances
        there = getattr(hop, f"{end}_instance_id")
        if branches and not Instance.objects.in_branches(branches).filter(pk=there).exists():
            raise PermissionDenied(f"Your key does not reach the {end} of this hop.")
        return hop


__all__ = [
    "DecisionViewSet",
    "DelegationViewSet",
    "EpisodeViewSet",
    "PatternViewSet",
    "PolicyViewSet",
    "ProposalViewSet",
]
