from django_filters import rest_framework as filters

from feedback.models import TaskFeedback
from hopper.common.rest.filters import StrictFilterSet


class FeedbackFilter(StrictFilterSet):
    """What judgements can be narrowed by."""

    project = filters.CharFilter(field_name="task__project_id")

    class Meta:
        model = TaskFeedback
        fields = ["was_good_match", "given_by", "source", "required_rework"]
