"""Questions about what routing knows of a task: its hops, and what it may repeat."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import JSONObject

from hopper.common.db.clock import Now
from hopper.common.models import Role
from instances.models import Instance
from tasks.models import Task

if TYPE_CHECKING:
    from routing.models import Delegation, Duplicate


class DuplicateQuerySet(models.QuerySet["Duplicate"]):
    """Hints that a task repeats another; chain the questions like filters."""

    def suggested(self) -> Self:
        """Hints that nobody has answered."""
        return self.filter(status=self.model.Status.SUGGESTED)

    def shown_to(self, principal: Any) -> models.QuerySet[Any, dict[str, Any]]:
        """Hints whose original the principal may see, each as the object that clients get."""
        seen = self.filter(original__in=Task.objects.for_principal(principal).values("pk"))
        shown = JSONObject(id="original_id", title="original__title", similarity="similarity", status="status")
        return (seen if principal.is_limited else self).order_by("pk").values_list(shown, flat=True)


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Hops; chain the questions like filters."""

    def of_task(self, task: Any) -> Self:
        """The hops of one task in the order they were made."""
        return self.filter(task=task).order_by("delegated_at", "pk")

    def open(self) -> Self:
        """Hops that are offered or accepted and not over."""
        return self.filter(status__in=self.model.OPEN)

    def offered(self) -> Self:
        """Hops that wait for their target to answer."""
        return self.filter(status=self.model.Status.PENDING)

    def unanswerable(self) -> Self:
        """Offers whose time is up by the database's clock, or whose target takes no work any more."""
        return self.offered().filter(Q(expires_at__lte=Now()) | ~Q(target_instance__status="active"))

    def declined(self) -> Self:
        """Hops that their target refused, gave back or did not answer."""
        return self.filter(status__in=self.model.DECLINED)

    def in_order(self) -> Self:
        """Hops as they were made, with their instances."""
        return self.select_related("source_instance", "target_instance").order_by("delegated_at", "pk")

    def for_principal(self, principal: Any) -> Self:
        """Hops of tasks that the principal may see, and those that come from or go to its branches.

        Who sees everything sees no hop from or to a place that is closed to them.
        """
        if not principal.is_limited:
            closed = Instance.objects.closed_to(principal.name).values("pk")
            told = self.exclude(Q(source_instance__in=closed) | Q(target_instance__in=closed))
            return self if principal.may(Role.ADMINISTRATOR) else told
        visible = Q(task__in=Task.objects.for_principal(principal).values("pk"))
        if principal.instances:
            branches = Instance.objects.in_branches(principal.instances).values("pk")
            visible |= Q(source_instance__in=branches) | Q(target_instance__in=branches)
        return self.filter(visible)
