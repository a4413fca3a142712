"""Every question about feedback."""

from typing import Any, Self

from django.db import models


class FeedbackQuerySet(models.QuerySet):
    """Judgements; chain the questions like filters."""

    def of_project(self, project: Any) -> Self:
        """Judgements of the tasks that went to the project."""
        return self.filter(task__project=project)

    def of_good_matches(self) -> Self:
        """Judgements that found the destination right."""
        return self.filter(was_good_match=True)

    def for_principal(self, principal: Any) -> Self:
        """Judgements of tasks that the principal may see."""
        if not (principal.instances or principal.projects):
            return self.all()
        tasks = self.model._meta.get_field("task").related_model
        return self.filter(task__in=tasks.objects.for_principal(principal).values("pk"))
