"""Questions about what advisers were asked, and what they suggest."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import OuterRef, Subquery

from tasks.models import Task

if TYPE_CHECKING:
    from routing.models import AdviserQuestion, TaskAdvice


class QuestionQuerySet(models.QuerySet["AdviserQuestion"]):
    """Questions to advisers; chain the questions like filters."""

    def open(self) -> Self:
        """Questions that wait for their answer."""
        return self.filter(state=self.model.State.ASKED)

    def answered(self) -> Self:
        """Questions whose answer names a place."""
        return self.filter(state=self.model.State.ANSWERED)

    def overdue(self, now: datetime) -> Self:
        """Questions whose time is up, the oldest first."""
        return self.open().filter(deadline__lte=now).order_by("deadline", "pk")

    def judged(self, judgements: Any) -> Self:
        """Answered questions whose task was judged since, each with its `truth`, newest first.

        `judgements` are those that know the true destination.
        """
        told = judgements.filter(episode__task=OuterRef("task")).order_by("-judged_at", "-pk")
        known = self.answered().annotate(truth=Subquery(told.values("right_project")[:1]))
        return known.filter(truth__isnull=False).order_by("-answered_at", "-pk")


class TaskAdviceQuerySet(models.QuerySet["TaskAdvice"]):
    """Advice for tasks; chain the questions like filters."""

    def open(self) -> Self:
        """Advice that is being made or waits for a person."""
        return self.filter(state__in=self.model.OPEN)

    def proposed(self) -> Self:
        """Advice that waits for a person, by its kind."""
        return self.filter(state=self.model.State.PROPOSED).order_by("kind")

    def of_task(self, task: Any) -> Self:
        """The advice for one task, newest first."""
        return self.filter(task=task).order_by("-created_at", "-pk")

    def for_principal(self, principal: Any) -> Self:
        """Advice for tasks that the principal may see."""
        return self.filter(task__in=Task.objects.for_principal(principal).values("pk"))
