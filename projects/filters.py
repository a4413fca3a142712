from typing import Any

from django.db.models import QuerySet

from hopper.common.rest.filters import FlagFilter, StrictFilterSet, TagFilter
from projects.models import Project


class SkillFilter(TagFilter):
    """Projects that claim the skill; separate several by commas to ask for all of them."""

    def filter(self, queryset: Any, value: list[str]) -> QuerySet:
        return queryset.able_to(*value) if value else queryset


class ProjectFilter(StrictFilterSet):
    """What projects can be narrowed by."""

    active = FlagFilter(field_name="is_active")
    capability = SkillFilter()
    tag = TagFilter()

    class Meta:
        model = Project
        fields = ["executor_type", "velocity", "instance"]
