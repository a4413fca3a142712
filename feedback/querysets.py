"""Every question about feedback."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, OuterRef, Subquery

from hopper.common.models import Role
from routing.models import Episode
from tasks.models import Task

if TYPE_CHECKING:
    from feedback.models import TaskFeedback


class FeedbackQuerySet(models.QuerySet["TaskFeedback"]):
    """Judgements; chain the questions like filters."""

    def of_project(self, project: Any) -> Self:
        """Judgements of the tasks that went to the project."""
        return self.filter(task__project=project)

    def of_good_matches(self) -> Self:
        """Judgements that found the destination right."""
        return self.filter(was_good_match=True)

    def between(self, since: datetime | None, until: datetime | None) -> Self:
        """Judgements that were first given in the time, as far as it is bounded."""
        bounds = {"created_at__gte": since, "created_at__lt": until}
        return self.filter(**{name: moment for name, moment in bounds.items() if moment})

    def with_what_was_judged(self) -> models.QuerySet[Any, dict[str, Any]]:
        """What statistics ask of each judgement, newest first: the words, and the decision that they are about."""
        judged = Episode.objects.filter(task=OuterRef("task"), judgement__signal="feedback").order_by("-routed_at")
        columns = ("was_good_match", "should_have_routed_to", "quality_score", "required_rework", "created_at")
        return self.order_by("-created_at", "-pk").values(
            *columns, tags=F("task__tags"), chosen=Subquery(judged.values("chosen_project")[:1]),
            strategy=Subquery(judged.values("strategy")[:1]),
        )  # fmt: skip

    def that_miss_a_tag(self) -> Self:
        """Judgements that name skills which the task should have asked for, newest first, with their task."""
        return self.exclude(required_skills_not_tagged=[]).select_related("task").order_by("-updated_at", "-pk")

    def for_principal(self, principal: Any) -> Self:
        """Judgements of tasks that the principal may see."""
        if principal.may(Role.ADMINISTRATOR) and not principal.is_limited:
            return self.all()
        return self.filter(task__in=Task.objects.for_principal(principal).values("pk"))
