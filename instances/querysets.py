"""Every question about the tree."""

from typing import Any, Self

from django.db import models
from django.db.models import OuterRef
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from tree_queries.query import TreeQuerySet

from hopper.common.db.graph import path_sql, subtree_sql

TABLE = "hopper_instances"
OPEN = ("pending", "routed", "claimed", "in_progress", "blocked")  # statuses of tasks that are not over


class InstanceQuerySet(TreeQuerySet):
    """Instances; chain the questions like filters."""

    def named(self, *, scope: str, name: str) -> Self:
        """The living instance of that scope and name: one or none."""
        return self.living().filter(scope=scope, name=name)

    def living(self) -> Self:
        """Instances that are not terminated."""
        return self.exclude(status=self.model.Status.TERMINATED)

    def active(self) -> Self:
        """Instances that take new work."""
        return self.filter(status=self.model.Status.ACTIVE)

    def children_of(self, instance: Any) -> Self:
        """Instances directly below this one."""
        return self.filter(parent=instance)

    def ancestors_of(self, instance: Any) -> Self:
        """Instances above this one, by one upward walk."""
        key = getattr(instance, "pk", instance)
        return self.filter(pk__in=RawSQL(path_sql(TABLE), [key])).exclude(pk=key)  # noqa: S611 - names are ours

    def descendants_of(self, instance: Any) -> Self:
        """Instances below this one at any depth, by one downward walk."""
        key = getattr(instance, "pk", instance)
        return self.in_branches([key]).exclude(pk=key)

    def in_branches(self, keys: list[str] | tuple[str, ...]) -> Self:
        """These instances and everything below them."""
        return self.filter(pk__in=RawSQL(subtree_sql(TABLE, count=len(keys)), list(keys)))  # noqa: S611

    def in_tree_order(self) -> Self:
        """Every instance, depth first, siblings by name, each with `tree_depth`: one query."""
        return self.with_tree_fields().order_siblings_by("name")

    def with_open_work(self) -> Self:
        """Instances with `open_tasks`, the number of tasks that sit there and are not over."""
        tasks = self.model.tasks.rel.related_model._default_manager.filter(instance=OuterRef("pk"), status__in=OPEN)
        counted = tasks.order_by().values("instance").annotate(count=models.Count("*")).values("count")
        return self.annotate(open_tasks=Coalesce(models.Subquery(counted), 0))

    def for_principal(self, principal: Any) -> Self:
        """Instances that the principal may see."""
        return self.in_branches(principal.instances) if principal.instances else self.all()

    def search(self, text: str) -> Self:
        """Instances whose name or description contains every word."""
        found = self
        for word in text.split():
            found = found.filter(models.Q(name__icontains=word) | models.Q(description__icontains=word))
        return found
