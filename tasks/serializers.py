from datetime import timedelta
from typing import Any

from rest_framework import serializers

from hopper.common.rest.serializers import (
    LeanSerializer,
    StrictCharField,
    StrictIntegerField,
    StrictModelSerializer,
    StrictSerializer,
)
from tasks.models import Task, TaskDependency, TaskEscalation
from tasks.operations.intake import BY_VERBS

WRITABLE = [
    "id", "title", "description", "project", "instance_id", "parent_id", "status", "priority", "requester", "owner",
    "source", "source_instance_id", "conversation_id", "context", "tags", "required_capabilities",
    "executor_preference", "velocity_requirement", "estimated_effort", "due_at", "defer_until", "max_attempts",
    "depends_on",
]  # fmt: skip
ADDRESSES = {".", "..", "bulk", "search", "ready", "at-risk", "stats", "next", "claim-next"}
SET_BY_HOPPER = [
    "is_aged", "is_decomposed", "relaxed_by",
    "external_id", "external_url", "external_platform", "routing_confidence", "routing_reasoning", "route_after",
    "review_required", "result", "failure_reason", "lease_owner", "lease_until", "fence", "attempts", "blocks",
    "created_at", "updated_at", "freed_at", "began", "started_at", "finished_at", "failed_at", "version",
]  # fmt: skip


class TaskSerializer(LeanSerializer):
    """A task as a client sees it."""

    depends_on = serializers.ListField(source="depends_on_ids", child=serializers.CharField())
    blocks = serializers.ListField(source="blocks_ids", child=serializers.CharField())

    class Meta:
        model = Task
        fields = [*WRITABLE, *SET_BY_HOPPER]
        read_only_fields = fields


class AliasField(serializers.ChoiceField):
    """A choice that also accepts the words other systems use for it."""

    def __init__(self, *, aliases: dict[str, str], **kwargs: Any) -> None:
        self.aliases = aliases
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(self.aliases.get(data, data) if isinstance(data, str) else data)


class TaskInput(StrictModelSerializer):
    """What a client may write; where a task stands is changed by verbs."""

    status = serializers.CharField(required=False)
    priority = AliasField(aliases=Task.PRIORITY_ALIASES, choices=Task.Priority.choices, required=False)
    source = AliasField(  # type: ignore[assignment]  # a field that is called like an attribute of DRF's
        aliases=Task.SOURCE_ALIASES, choices=Task.Source.choices, required=False
    )
    depends_on = serializers.ListField(child=StrictCharField(max_length=50), required=False, max_length=1000)

    class Meta:
        model = Task
        fields = WRITABLE
        validators = ()
        extra_kwargs = {
            "title": {"trim_whitespace": True},
            "max_attempts": {"min_value": 1, "max_value": 1000},
            "id": {"validators": []},
            "description": {"max_length": 200_000},
            "context": {"max_length": 200_000},
        }

    def validate_status(self, status: str) -> str:
        word = Task.STATUS_ALIASES.get(status, status)
        if word != (self.instance.status if self.instance else Task.Status.PENDING):
            raise serializers.ValidationError(BY_VERBS)
        return word

    def validate_id(self, key: str) -> str:
        if self.instance and key != self.instance.pk:
            raise serializers.ValidationError("An id never changes.")
        if key in ADDRESSES:
            raise serializers.ValidationError(f"{key!r} is an address of the API: choose another id.")
        return key

    def refusal(self, name: str) -> str:
        return super().refusal(name) if name not in SET_BY_HOPPER else "Hopper sets this field itself: leave it out."


class BulkInput(StrictSerializer):
    """Up to 1,000 tasks to create, update (`{"id": …, field: value}` or `{"id", "verb"}`) and delete (ids)."""

    create = serializers.ListField(  # type: ignore[assignment]  # a field that is called like a method of DRF's
        child=serializers.DictField(), required=False, default=list
    )
    update = serializers.ListField(  # type: ignore[assignment]  # a field that is called like a method of DRF's
        child=serializers.DictField(), required=False, default=list
    )
    delete = serializers.ListField(child=StrictCharField(max_length=50), required=False, default=list)


class BulkResult(serializers.Serializer):
    """The same three lists, done; under `?partial=true` a refused entry is `{"errors": {field: [..]}}`."""

    create = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]
    update = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]
    delete = serializers.ListField()


class ClaimInput(StrictSerializer):
    """Who claims, and for how long."""

    executor = StrictCharField(required=False, max_length=100)
    executor_type = StrictCharField(required=False, max_length=50)
    lease_seconds = StrictIntegerField(required=False, min_value=1)


class ClaimNextInput(ClaimInput):
    """Who claims how many of which."""

    limit = StrictIntegerField(required=False, min_value=1, max_value=100)
    project = StrictCharField(required=False, max_length=100)
    tags = serializers.ListField(child=StrictCharField(max_length=64), required=False, max_length=64)
    fair_share = StrictCharField(required=False, max_length=20)


class HoldInput(StrictSerializer):
    """The proof that the task is yours, and what came of it."""

    fence = StrictIntegerField(required=False, min_value=0)
    executor = StrictCharField(required=False, max_length=100)
    lease_seconds = StrictIntegerField(required=False, min_value=1)
    result = serializers.JSONField(required=False)
    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)


class ReasonInput(StrictSerializer):
    """Why."""

    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)


class ClaimResult(serializers.Serializer):
    """The claimed task with the fence that every later call has to name."""

    task = TaskSerializer()
    fence = serializers.IntegerField()
    lease_until = serializers.DateTimeField()
    heartbeat_seconds = serializers.FloatField()


class ClaimResults(serializers.Serializer):
    """What was claimed, none if nothing is ready."""

    claims = ClaimResult(many=True)


class WaitingTaskSerializer(LeanSerializer):
    """An open task that is not ready, and what it waits for."""

    waits_for = serializers.ListField(source="waits_for_what", child=serializers.DictField())

    class Meta:
        model = Task
        fields = ["id", "title", "status", "priority", "project", "instance_id", "due_at", "created_at", "waits_for"]
        read_only_fields = fields


class EscalationSerializer(LeanSerializer):
    """A step of a rule that was taken; what it did may name places that the reader may not know of."""

    class Meta:
        model = TaskEscalation
        fields = ["rule", "step", "action", "why", "created_at"]
        read_only_fields = fields


class FutureSerializer(LeanSerializer):
    """What is to be expected of an open task; what is not known is null."""

    deadline = serializers.SerializerMethodField()
    place = serializers.IntegerField()
    expected_wait = serializers.SerializerMethodField()
    escalations = serializers.SerializerMethodField()
    next_escalation = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = [
            "id", "title", "status", "priority", "project", "instance_id", "owner", "due_at", "created_at",
            "required_capabilities", "relaxed_by",
            "deadline", "place", "expected_wait", "escalations", "next_escalation",
        ]  # fmt: skip
        read_only_fields = fields

    def get_deadline(self, task: Any) -> dict[str, Any] | None:
        found = task.future["deadline"]
        if found is None:
            return None
        return {"at": found.at, "kind": found.kind, "state": found.state, "seconds_left": _seconds(found.left)}

    def get_expected_wait(self, task: Any) -> dict[str, int] | None:
        wait = task.future["wait"]
        return {"p50_seconds": _seconds(wait[0]), "p90_seconds": _seconds(wait[1])} if wait else None

    def get_escalations(self, task: Any) -> list[dict[str, Any]]:
        return EscalationSerializer.show_all(task.future["taken"])

    def get_next_escalation(self, task: Any) -> dict[str, Any] | None:
        step = task.future["next"]
        return {"rule": str(step[0]), "at": step[1]} if step else None


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


class RelatedTaskSerializer(LeanSerializer):
    """A task on a chain."""

    type = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = ["type", "id", "title", "status", "parent_id"]
        read_only_fields = fields

    def get_type(self, task: Task) -> str:
        return "task"


class DecomposeInput(StrictSerializer):
    """The subtasks, each with the fields of a task, and the fence of whoever holds it."""

    subtasks = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=100)
    fence = StrictIntegerField(required=False, min_value=0)
    executor = StrictCharField(required=False, max_length=100)


class DependencySerializer(LeanSerializer):
    """One task that waits for another."""

    address = ("task_id", "depends_on")

    class Meta:
        model = TaskDependency
        fields = ["task_id", "depends_on", "kind", "quorum", "created_at"]
        read_only_fields = fields


class DependencyInput(StrictSerializer):
    """The task to wait for."""

    depends_on = StrictCharField(max_length=50)
    kind = serializers.ChoiceField(choices=TaskDependency.Kind.choices, required=False)
    quorum = serializers.ChoiceField(choices=TaskDependency.Quorum.choices, required=False)
