from typing import Any

from rest_framework import serializers

from hopper.common.rest.serializers import (
    LeanSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictModelSerializer,
    StrictSerializer,
)
from routing.models import (
    Backtest,
    Decision,
    Delegation,
    Episode,
    Pattern,
    Policy,
    PolicyVersion,
    Proposal,
    TaskAdvice,
)

MOST_REPLAYED = 2_000  # in a request; the command has no limit


class DecisionSerializer(LeanSerializer):
    """Where a task is to go, how sure that is, why, and what else was possible."""

    class Meta:
        model = Decision
        fields = [
            "task_id", "project", "instance_id", "confidence", "reasoning", "alternatives", "outcome", "decided_by",
            "decided_at", "decision_time_ms", "workload_snapshot", "context", "episode_id", "policy_version_id",
        ]  # fmt: skip
        read_only_fields = fields


class EpisodeSerializer(LeanSerializer):
    """One act of routing with all its evidence."""

    class Meta:
        model = Episode
        fields = [
            "id", "task_id", "tags", "chosen_scope", "chosen_instance", "chosen_project", "confidence", "strategy",
            "decision_factors", "outcome_success", "source", "source_instance_id", "routed_at", "completed_at",
        ]  # fmt: skip
        read_only_fields = fields


PATTERN_FIELDS = [
    "name", "description", "pattern_type", "target_instance", "target_project", "tag_criteria", "text_criteria",
    "priority_criteria", "confidence", "usage_count", "success_count", "failure_count", "is_active",
    "is_anti_pattern", "derived_from", "source", "source_instance_id",
]  # fmt: skip


class PatternSerializer(LeanSerializer):
    """A pattern as a client sees it."""

    class Meta:
        model = Pattern
        fields = ["id", *PATTERN_FIELDS, "last_used_at", "last_refined_at", "created_at", "updated_at", "version"]
        read_only_fields = fields


class PatternInput(StrictModelSerializer):
    """What a client may write."""

    class Meta:
        model = Pattern
        fields = PATTERN_FIELDS
        validators = ()


class DelegationSerializer(LeanSerializer):
    """One hop as a client sees it."""

    class Meta:
        model = Delegation
        fields = [
            "id", "task_id", "source_instance_id", "target_instance_id", "delegation_type", "status", "reason_code",
            "reason", "result", "expires_at", "delegated_at", "accepted_at", "completed_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class DelegationChange(StrictModelSerializer):
    """What of a hop can be changed by hand."""

    class Meta:
        model = Delegation
        fields = ["reason", "expires_at"]
        validators = ()


class DelegateInput(StrictSerializer):
    """To which instance a task goes, how and why; the parts of a decomposition; the fence of whoever holds it."""

    target_instance_id = StrictCharField(required=False, max_length=100)
    delegation_type = serializers.ChoiceField(Delegation.Type.choices, default=Delegation.Type.ROUTE)
    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)
    subtasks = serializers.ListField(child=serializers.DictField(), required=False, min_length=1, max_length=100)
    fence = StrictIntegerField(required=False, min_value=0)
    executor = StrictCharField(required=False, max_length=100)


class RejectInput(StrictSerializer):
    """Why an offer is declined: a code that programs read, and words."""

    reason_code = serializers.ChoiceField(Delegation.ReasonCode.choices, required=False)
    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)


class CancelInput(StrictSerializer):
    """Why the task is taken back."""

    reason = StrictCharField(required=False, allow_blank=True, max_length=2000)


class ResultInput(StrictSerializer):
    """What came of the work, and the proof of whoever holds it."""

    result = serializers.JSONField(required=False)
    fence = StrictIntegerField(required=False, min_value=0)
    executor = StrictCharField(required=False, max_length=100)


class HolderSerializer(serializers.Serializer):
    """Who held a task, from when to when, and why it ended."""

    owner = serializers.CharField()
    executor_type = serializers.CharField(allow_null=True)
    taken_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(allow_null=True)


class StaySerializer(serializers.Serializer):
    """A time that a task spent at an instance."""

    instance_id = serializers.CharField()
    name = serializers.CharField()
    arrived_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)
    hop = serializers.CharField(allow_null=True)
    held_by = HolderSerializer(many=True)


class ChainSerializer(serializers.Serializer):
    """The hops of a task in the order they were made, and where it was and who held it meanwhile."""

    results = DelegationSerializer(many=True)
    stays = StaySerializer(many=True)


class PolicySerializer(LeanSerializer):
    """A policy as a client sees it."""

    class Meta:
        model = Policy
        fields = ["id", "name", "description", "instance_id", "created_at", "updated_at", "version"]
        read_only_fields = fields


class PolicyInput(StrictModelSerializer):
    """What a client may write."""

    class Meta:
        model = Policy
        fields = ["name", "description", "instance_id"]
        validators = ()


class VersionSerializer(LeanSerializer):
    """A policy version as a client sees it."""

    class Meta:
        model = PolicyVersion
        fields = [
            "id", "policy_id", "instance_id", "number", "state", "rules", "weights", "thresholds", "created_by",
            "activated_at", "shadowed_at", "replaces_id", "created_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class VersionInput(StrictModelSerializer):
    """Rules, weights and thresholds of a new draft, or all of them as the text of a policy file."""

    yaml = StrictCharField(required=False, trim_whitespace=False)

    class Meta:
        model = PolicyVersion
        fields = ["rules", "weights", "thresholds", "yaml"]
        validators = ()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "yaml" in attrs and len(attrs) > 1:
            raise serializers.ValidationError({"yaml": ["Send a policy file or its parts, not both."]})
        return attrs


class ActivateInput(StrictSerializer):
    """Whether a version is put in force although no backtest says what it changes."""

    force = StrictBooleanField(required=False)


class BacktestInput(StrictSerializer):
    """How many of the newest episodes are replayed, and since when."""

    newest = StrictIntegerField(required=False, min_value=1, max_value=MOST_REPLAYED)
    since = serializers.DateTimeField(required=False)


class BacktestSerializer(LeanSerializer):
    """A report as a client sees it."""

    class Meta:
        model = Backtest
        fields = ["id", "policy_version_id", "baseline_id", "content_hash", "report", "created_by", "created_at"]
        read_only_fields = fields


class ProposalSerializer(LeanSerializer):
    """A proposed rule as a client sees it."""

    class Meta:
        model = Proposal
        fields = [
            "id", "pattern_id", "rule", "state", "report", "draft_id", "settled_by", "created_at",
            "updated_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class CandidateSerializer(serializers.Serializer):
    """A possible destination with its factor scores."""

    project = serializers.CharField(allow_null=True)
    instance_id = serializers.CharField(allow_null=True)
    score = serializers.FloatField()
    factors = serializers.DictField(child=serializers.FloatField())
    reasons = serializers.ListField(child=serializers.CharField())


class SuggestionSerializer(serializers.Serializer):
    """A decision that was not stored, candidates best first."""

    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    confidence = serializers.FloatField()
    reasoning = serializers.CharField()
    decided_by = serializers.CharField()
    candidates = CandidateSerializer(many=True)


class TaskAdviceSerializer(LeanSerializer):
    """Tags, an effort or subtasks that an adviser proposes."""

    class Meta:
        model = TaskAdvice
        fields = [
            "id", "task_id", "kind", "state", "content", "model", "asked_by", "settled_by", "created_at", "updated_at",
            "version",
        ]  # fmt: skip
        read_only_fields = fields


class WeighedSerializer(serializers.Serializer):
    """A place as it was weighed: its share, its score by factor, and the reason for each that has one."""

    project = serializers.CharField(allow_null=True)
    instance_id = serializers.CharField(allow_null=True)
    score = serializers.FloatField()
    factors = serializers.DictField(child=serializers.FloatField())
    why = serializers.DictField(child=serializers.CharField())


class RulesSerializer(serializers.Serializer):
    """Which rules matched: those that voted and forbade, by project, asked a person, and changed the task."""

    votes = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    forbidden = serializers.DictField(child=serializers.CharField())
    review = serializers.CharField(allow_null=True)
    set = serializers.ListField(child=serializers.CharField())


class FlipSerializer(serializers.Serializer):
    """A single change that would have led elsewhere; `moved` is how much of the first place's share it moves."""

    change = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    project = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField()
    moved = serializers.FloatField()


class NeighbourSerializer(serializers.Serializer):
    """An episode that was learned from and reads like the task."""

    episode = serializers.CharField()
    project = serializers.CharField()
    similarity = serializers.FloatField()


class NearSerializer(NeighbourSerializer):
    """A neighbour with what became of it."""

    success = serializers.BooleanField(allow_null=True)


class FaredSerializer(NearSerializer):
    """A similar task with the place it was sent to, whether that went well, and how many days before."""

    days = serializers.IntegerField()


class ExplanationSerializer(serializers.Serializer):
    """Why a task is to go where it is to go; `decided_at` is null where nothing is decided yet."""

    sentence = serializers.CharField()
    outcome = serializers.ChoiceField(choices=Decision.Outcome.choices)
    confidence = serializers.FloatField()
    threshold = serializers.FloatField(allow_null=True)
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    project = serializers.CharField(allow_null=True)
    instance_id = serializers.CharField(allow_null=True)
    policy = serializers.IntegerField(allow_null=True)
    known = serializers.BooleanField(allow_null=True)
    elsewhere = serializers.FloatField(allow_null=True)
    candidates = WeighedSerializer(many=True)
    runner_up = WeighedSerializer(allow_null=True)
    rules = RulesSerializer()
    filtered = serializers.DictField(child=serializers.IntegerField())
    removed = serializers.DictField(child=serializers.CharField())
    nearest = NearSerializer(many=True)
    history = FaredSerializer(many=True)
    flips = FlipSerializer(many=True)


class DecisionInput(StrictSerializer):
    """A decision that was made outside."""

    project = StrictCharField(required=False, max_length=100)
    instance = StrictCharField(required=False, max_length=100)
    reasoning = StrictCharField(required=False, allow_blank=True, max_length=2000)
