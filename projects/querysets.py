"""Every question about projects."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Count, Q

from projects.sla import Promises, house_sla, read_promises

if TYPE_CHECKING:
    from projects.models import Project

OPEN = ("pending", "routed", "claimed", "in_progress", "blocked")
EVERY = (*OPEN, "completed", "failed", "cancelled")


class ProjectQuerySet(models.QuerySet["Project"]):
    """Projects; chain the questions like filters."""

    def claiming_at_once(self) -> Self:
        """Projects whose executor takes what becomes ready without asking for it."""
        return self.active().filter(auto_claim=True).order_by("pk")

    def active(self) -> Self:
        """Projects that take new tasks."""
        return self.filter(is_active=True)

    def able_to(self, *skills: str) -> Self:
        """Projects that claim all of the skills, at whatever level."""
        return self.filter(capabilities__has_keys=list(skills)) if skills else self.all()

    def tagged(self, *tags: str) -> Self:
        """Projects that carry all of the tags."""
        return self.filter(tags__has_keys=list(tags))

    def with_active_tasks(self) -> Self:
        """Projects that have open tasks, each once."""
        return self.filter(pk__in=self.filter(tasks__status__in=OPEN).values("pk"))

    def with_statistics(self) -> Self:
        """Projects with the number of their tasks, in all and by status (`completed_tasks`, …)."""
        by_status = {f"{status}_tasks": Count("tasks", filter=Q(tasks__status=status)) for status in EVERY}
        return self.annotate(total_tasks=Count("tasks"), **by_status)

    def promises(self) -> dict[str | None, Promises]:
        """What each project promises, by name, and under None what holds for tasks without one: the house's own."""
        house = house_sla()
        found = {name: read_promises({**house, **sla}) for name, sla in self.order_by("pk").values_list("pk", "sla")}
        return {**found, None: read_promises(house)}

    def for_principal(self, principal: Any) -> Self:
        """Projects that the principal may see."""
        return self.filter(pk__in=principal.projects) if principal.projects else self.all()

    def search(self, text: str) -> Self:
        """Projects whose name or repository contains every word."""
        found = self
        for word in text.split():
            found = found.filter(Q(name__icontains=word) | Q(slug__icontains=word) | Q(repository__icontains=word))
        return found
