"""Every question about counterparts elsewhere, and about checks of the graph."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models

from tasks.models import Task

if TYPE_CHECKING:
    from sync.models import ExternalMapping, GraphCheck


class MappingQuerySet(models.QuerySet["ExternalMapping"]):
    """Mappings; chain the questions like filters."""

    def of_task(self, task: Any) -> Self:
        """Counterparts of one task, the first one first."""
        return self.filter(task=task).order_by("created_at", "pk")

    def standing_for(self, *, platform: str, external_id: str) -> Self:
        """The mapping of a foreign issue: one or none."""
        return self.filter(platform=platform, external_id=external_id)

    def get_by_natural_key(self, platform: str, external_id: str) -> Any:
        """Return the mapping that a fixture means, which names no key of ours."""
        return self.get(platform=platform, external_id=external_id)

    def for_principal(self, principal: Any) -> Self:
        """Mappings of tasks that the principal may see."""
        if not principal.is_limited:
            return self.all()
        return self.filter(task__in=Task.objects.for_principal(principal).values("pk"))


class GraphCheckQuerySet(models.QuerySet["GraphCheck"]):
    """Checks of the graph; chain the questions like filters."""

    def latest_first(self) -> Self:
        """Every check, the last one first."""
        return self.order_by("-created_at", "-pk")

    def older_than(self, moment: datetime) -> Self:
        """Checks made before the moment."""
        return self.filter(created_at__lt=moment)
