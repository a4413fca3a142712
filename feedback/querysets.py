"""Every question about feedback."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from hopper.common.models import Role
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

    def for_principal(self, principal: Any) -> Self:
        """Judgements of tasks that the principal may see."""
        if principal.may(Role.ADMINISTRATOR) and not principal.is_limited:
            return self.all()
        return self.filter(task__in=Task.objects.for_principal(principal).values("pk"))
