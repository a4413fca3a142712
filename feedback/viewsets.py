from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from feedback import operations
from feedback.filters import FeedbackFilter
from feedback.models import TaskFeedback
from feedback.serializers import (
    AcceptInput,
    FeedbackSerializer,
    ProposalInput,
    RetagSerializer,
    StatisticsQuery,
    TallySerializer,
)
from hopper.common.models import Role
from hopper.common.rest.viewsets import READ_ACCESS, ReadViewSet

EXAMPLES = 5
ACCESS = {"statistics": Role.VIEWER, "retag": Role.VIEWER, "accept_tag": Role.OPERATOR, "dismiss_tag": Role.OPERATOR}


class FeedbackViewSet(ReadViewSet):
    """Every current judgement; one task's is written at /tasks/{id}/feedback."""

    queryset = TaskFeedback.objects.all()
    serializer_class = FeedbackSerializer
    filterset_class = FeedbackFilter
    access: ClassVar = {**READ_ACCESS, **ACCESS}
    orderings: ClassVar = {"created_at": "created_at", "updated_at": "updated_at"}

    @extend_schema(parameters=[StatisticsQuery], responses=TallySerializer(many=True))
    @action(detail=False)
    def statistics(self, request: Request) -> Response:
        """Count what was judged, and how well, by project, strategy, tag, day or week."""
        wanted = StatisticsQuery.checked(request.query_params.dict())
        rows = self.get_queryset().between(wanted.get("since"), wanted.get("until"))
        return Response({"by": wanted["by"], "results": operations.count_feedback(feedback=rows, by=wanted["by"])})

    @extend_schema(responses=RetagSerializer(many=True))
    @action(detail=False)
    def retag(self, request: Request) -> Response:
        """List the tags that people missed on tasks, the most often missed first."""
        return Response({"results": [_shown(one) for one in operations.propose_tags(feedback=self.get_queryset())]})

    @extend_schema(request=AcceptInput, responses={200: {"type": "object"}})
    @action(detail=False, methods=["post"], url_path="retag/accept")
    def accept_tag(self, request: Request) -> Response:
        """Add the tag, or the required capability, to every task that was judged to miss it."""
        wanted = AcceptInput.checked(request.data)
        as_capability = wanted.pop("add_as") == "capability"
        changed = operations.accept_tag(
            feedback=self.get_queryset(), actor=self.actor, as_capability=as_capability, **wanted
        )
        return Response({"changed": changed})

    @extend_schema(request=ProposalInput, responses={200: {"type": "object"}})
    @action(detail=False, methods=["post"], url_path="retag/dismiss")
    def dismiss_tag(self, request: Request) -> Response:
        """Propose the tag for this project no more."""
        operations.dismiss_tag(actor=self.actor, **ProposalInput.checked(request.data))
        return Response({"dismissed": True})


def _shown(proposal: operations.Proposal) -> dict[str, Any]:
    examples = [{"id": task.pk, "title": task.title} for task in proposal.tasks[:EXAMPLES]]
    return {"project": proposal.project, "tag": proposal.tag, "mentions": len(proposal.tasks), "tasks": examples}
