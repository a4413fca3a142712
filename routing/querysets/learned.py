"""Questions about what was learned: states, vectors, patterns, consolidations."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

from hopper.common.querysets import NearestMixin
from instances.models import Instance
from projects.models import Project
from tasks.models import Task

if TYPE_CHECKING:
    from routing.models import ConsolidationRun, LearnedState, Pattern, TaskEmbedding


class LearnedStateQuerySet(models.QuerySet["LearnedState"]):
    """Fits; chain the questions like filters."""

    def in_force(self, kind: str) -> Self:
        """The fits of the newest number of that kind, one a scope."""
        newest = self.filter(kind=kind).order_by("-number").values("number")[:1]
        return self.filter(kind=kind, number=models.Subquery(newest))


class TaskEmbeddingQuerySet(models.QuerySet["TaskEmbedding"]):
    """Vectors of tasks."""

    def of_task(self, task: Task) -> "TaskEmbedding | None":
        """The vector of the task, or None while it waits for one or has no words."""
        return self.filter(task=task, embedding__isnull=False).first()


class PatternQuerySet(NearestMixin, models.QuerySet["Pattern"]):
    """Patterns; chain the questions like filters."""

    def active(self) -> Self:
        """Patterns in use."""
        return self.filter(is_active=True)

    def public(self, private_projects: Collection[str]) -> Self:
        """Patterns that name neither such a project nor an instance of a person or a family."""
        named = Q(target_project__in=private_projects) | Q(target_instance__in=Instance.objects.private().values("pk"))
        return self.exclude(named)

    def routing_to(self, instance: Any) -> Self:
        """Patterns that name the instance, or else a project that it serves; those not in use too."""
        served = Project.objects.filter(instance=instance).values("pk")
        unnamed = Q(target_instance=None) | Q(target_instance="")
        return self.filter(Q(target_instance=instance) | unnamed & Q(target_project__in=served))

    def promising(self) -> Self:
        """Patterns in use that say where work belongs, not where it does not."""
        return self.active().filter(is_anti_pattern=False)

    def learned(self) -> Self:
        """Patterns that Hopper found itself."""
        return self.filter(source=self.model.Source.LEARNED)

    def for_principal(self, principal: Any) -> Self:
        """Patterns that the principal may see: general knowledge, unless it is limited to projects."""
        return self.filter(target_project__in=principal.projects) if principal.projects else self.all()

    def search(self, text: str) -> Self:
        """Patterns whose name or description contains every word."""
        found = self
        for word in text.split():
            found = found.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return found


class ConsolidationQuerySet(models.QuerySet["ConsolidationRun"]):
    """Runs of consolidation; chain the questions like filters."""

    def wanted(self) -> Self:
        """Runs that were asked for and have not begun."""
        return self.filter(state=self.model.State.WANTED)

    def running(self) -> Self:
        """The run that has begun and is not over, if there is one."""
        return self.filter(state=self.model.State.RUNNING)

    def recent(self) -> Self:
        """Runs, newest first."""
        return self.order_by("-created_at", "-pk")

    def for_principal(self, principal: Any) -> Self:
        """Runs that the principal may see: their logs speak of every project, so a limited key sees none."""
        return self.none() if principal.is_limited else self.all()
