from rest_framework import serializers

from feedback.models import TaskFeedback
from hopper.common.rest.serializers import LeanSerializer, StrictCharField, StrictModelSerializer, StrictSerializer

WRITABLE = [
    "was_good_match", "should_have_routed_to", "routing_feedback", "quality_score", "complexity_rating",
    "estimated_duration", "actual_duration", "required_rework", "rework_reason", "unexpected_blockers",
    "required_skills_not_tagged", "notes",
]  # fmt: skip


class FeedbackSerializer(LeanSerializer):
    """A judgement as a client sees it."""

    class Meta:
        model = TaskFeedback
        fields = [
            "task_id", *WRITABLE, "estimated_seconds", "actual_seconds", "given_by", "source", "created_at",
            "updated_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class FeedbackInput(StrictModelSerializer):
    """What a client may say of a task."""

    class Meta:
        model = TaskFeedback
        fields = WRITABLE
        extra_kwargs = {"quality_score": {"min_value": 0, "max_value": 1}}


class ReviewAnswer(StrictSerializer):
    """Where the task belongs: a project, or an instance."""

    project = StrictCharField(required=False, max_length=100)
    instance = StrictCharField(required=False, max_length=100)
    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict) -> dict:
        if not attrs.get("project") and not attrs.get("instance"):
            raise serializers.ValidationError({"project": ["Name the project or the instance that it belongs to."]})
        return attrs
