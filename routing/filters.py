from django_filters import rest_framework as filters

from hopper.common.rest.filters import FlagFilter, MomentFilter, StrictFilterSet
from routing.models import Decision, Delegation, Episode, Pattern, Proposal


class DecisionFilter(StrictFilterSet):
    """What decisions can be narrowed by."""

    project = filters.CharFilter(field_name="project_id")
    confidence_lt = filters.NumberFilter(field_name="confidence", lookup_expr="lt", min_value=0)
    decided_after = MomentFilter(field_name="decided_at", lookup_expr="gte")
    decided_before = MomentFilter(field_name="decided_at", lookup_expr="lt")

    class Meta:
        model = Decision
        fields = ["decided_by", "outcome"]


class EpisodeFilter(StrictFilterSet):
    """What episodes can be narrowed by."""

    task = filters.CharFilter(field_name="task_id")
    outcome = FlagFilter(field_name="outcome_success")
    project = filters.CharFilter(field_name="chosen_project")

    class Meta:
        model = Episode
        fields = ["strategy", "source"]


class PatternFilter(StrictFilterSet):
    """What patterns can be narrowed by."""

    active = FlagFilter(field_name="is_active")
    target = filters.CharFilter(field_name="target_instance")
    project = filters.CharFilter(field_name="target_project")
    type = filters.ChoiceFilter(field_name="pattern_type", choices=Pattern.Type.choices)

    class Meta:
        model = Pattern
        fields = ["source", "is_anti_pattern"]


class DelegationFilter(StrictFilterSet):
    """What hops can be narrowed by."""

    task = filters.CharFilter(field_name="task_id")
    source_instance = filters.CharFilter(field_name="source_instance_id")
    target_instance = filters.CharFilter(field_name="target_instance_id")

    class Meta:
        model = Delegation
        fields = ["status", "delegation_type"]


class ProposalFilter(StrictFilterSet):
    """What proposed rules can be narrowed by."""

    pattern = filters.CharFilter(field_name="pattern_id")

    class Meta:
        model = Proposal
        fields = ["state"]
