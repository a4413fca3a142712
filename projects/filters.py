from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from hopper.common.rest.filters import FlagFilter, StrictFilterSet, TagFilter
from projects.models import Project


class ProjectFilter(StrictFilterSet):
    """What projects can be narrowed by."""

    active = FlagFilter(field_name="is_active")
    capability = filters.CharFilter(method="able_to")
    tag = TagFilter()

    class Meta:
        model = Project
        fields = ["executor_type", "velocity", "instance"]

    def able_to(self, queryset: Any, name: str, value: str) -> QuerySet:
        return queryset.able_to(*[skill.strip().casefold() for skill in value.split(",")])
