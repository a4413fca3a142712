from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from feedback.models import TaskFeedback
from feedback.operations import KEYS
from hopper.common.rest.serializers import (
    LeanSerializer,
    StrictCharField,
    StrictIntegerField,
    StrictModelSerializer,
    StrictSerializer,
)
from routing.models import EpisodeJudgement


class FeedbackSerializer(LeanSerializer):
    """A judgement as a client sees it."""

    class Meta:
        model = TaskFeedback
        fields = [
            "task_id", *TaskFeedback.SAID, "estimated_seconds", "actual_seconds", "given_by", "source", "created_at",
            "updated_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class LessonSerializer(LeanSerializer):
    """What routing learned of a task: the episode that teaches it, the true destination, and how much it counts."""

    class Meta:
        model = EpisodeJudgement
        fields = ["episode_id", "right_project", "reliability", "signal", "judged_by", "judged_at"]
        read_only_fields = fields


class TaughtFeedbackSerializer(FeedbackSerializer):
    """A judgement with what it taught."""

    lesson = serializers.SerializerMethodField()

    class Meta(FeedbackSerializer.Meta):
        fields = [*FeedbackSerializer.Meta.fields, "lesson"]
        read_only_fields = fields

    @extend_schema_field(LessonSerializer(allow_null=True))
    def get_lesson(self, feedback: TaskFeedback) -> dict[str, Any] | None:
        lesson = EpisodeJudgement.objects.of_task(feedback.task_id).first()
        return LessonSerializer.show(lesson) if lesson else None


class FeedbackInput(StrictModelSerializer):
    """What a client may say of a task."""

    class Meta:
        model = TaskFeedback
        fields = TaskFeedback.SAID
        extra_kwargs = {"quality_score": {"min_value": 0, "max_value": 1}}


class ReviewAnswer(StrictSerializer):
    """Where the task belongs: a project, an instance, or the first, second or third place that Hopper thought of."""

    choice = StrictIntegerField(required=False, min_value=1, max_value=3)
    project = StrictCharField(required=False, max_length=100)
    instance = StrictCharField(required=False, max_length=100)
    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)

    def validate(self, attrs: dict) -> dict:
        if not attrs.get("project") and not attrs.get("instance") and "choice" not in attrs:
            raise serializers.ValidationError({"project": ["Name the project or the instance that it belongs to."]})
        if "choice" in attrs and attrs.keys() & {"project", "instance"}:
            raise serializers.ValidationError({"choice": ["Send a choice or a name, not both."]})
        return attrs


class StatisticsQuery(StrictSerializer):
    """What judgements are counted by, and since when."""

    by = serializers.ChoiceField(list(KEYS), default="project")
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class TallySerializer(serializers.Serializer):
    """What was said of one group of decisions; shares are null where nobody said anything."""

    key = serializers.CharField(allow_null=True)
    judged = serializers.IntegerField()
    good = serializers.IntegerField()
    good_share = serializers.FloatField(allow_null=True)
    mean_quality = serializers.FloatField(allow_null=True)
    rework_share = serializers.FloatField(allow_null=True)
    corrected_to = serializers.DictField(child=serializers.IntegerField())


class ExampleSerializer(serializers.Serializer):
    """A task that lacks the tag."""

    id = serializers.CharField()
    title = serializers.CharField()


class RetagSerializer(serializers.Serializer):
    """A skill that people missed on tasks of a project, and some of those tasks."""

    project = serializers.CharField()
    tag = serializers.CharField()
    mentions = serializers.IntegerField()
    tasks = ExampleSerializer(many=True)


class ProposalInput(StrictSerializer):
    """Which proposal; `project` is empty for tasks without one."""

    project = StrictCharField(max_length=100, allow_blank=True)
    tag = StrictCharField(max_length=64)


class AcceptInput(ProposalInput):
    """Which proposal, and what the tag is added as."""

    add_as = serializers.ChoiceField(["tag", "capability"], default="tag")
