from django_filters import rest_framework as filters

from hopper.common.rest.filters import AliasFilter, MomentFilter, StrictFilterSet, TagFilter
from tasks.models import Task


class TaskFilter(StrictFilterSet):
    """What tasks can be narrowed by."""

    status = AliasFilter(choices=Task.Status.choices, aliases=Task.STATUS_ALIASES)
    priority = AliasFilter(choices=Task.Priority.choices, aliases=Task.PRIORITY_ALIASES)
    source = AliasFilter(choices=Task.Source.choices, aliases=Task.SOURCE_ALIASES)
    project = filters.CharFilter(field_name="project_id")
    instance = filters.CharFilter(field_name="instance_id")
    parent = filters.CharFilter(field_name="parent_id")
    tag = TagFilter()
    created_after = MomentFilter(field_name="created_at", lookup_expr="gte")
    created_before = MomentFilter(field_name="created_at", lookup_expr="lt")
    due_after = MomentFilter(field_name="due_at", lookup_expr="gte")
    due_before = MomentFilter(field_name="due_at", lookup_expr="lt")

    class Meta:
        model = Task
        fields = ["owner", "requester", "review_required"]
