from typing import ClassVar

from feedback.filters import FeedbackFilter
from feedback.models import TaskFeedback
from feedback.serializers import FeedbackSerializer
from hopper.common.rest.viewsets import ReadViewSet


class FeedbackViewSet(ReadViewSet):
    """Every current judgement; one task's is written at /tasks/{id}/feedback."""

    queryset = TaskFeedback.objects.all()
    serializer_class = FeedbackSerializer
    filterset_class = FeedbackFilter
    orderings: ClassVar = {"created_at": "created_at", "updated_at": "updated_at"}
