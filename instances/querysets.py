"""Every question about the tree."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Coalesce
from tree_queries.query import TreeQuerySet

from hopper.common.db.graph import MAX_DEPTH, Below, path_sql, subtree_sql
from hopper.common.db.lists import Holds
from instances.scopes import SCOPES

TABLE = "hopper_instances"
OPEN_TASK = ("pending", "routed", "claimed", "in_progress", "blocked")
HELD_TASK = ("claimed", "in_progress")
OPEN_HOP = ("pending", "accepted")


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

    def path_to(self, key: str) -> Self:
        """The instance and those above it, by one upward walk."""
        return self.filter(pk__in=RawSQL(path_sql(TABLE), [key]))  # noqa: S611 - names are ours

    def keeper_of(self, key: str | None) -> Any:
        """The instance on the path from here to the root whose work never leaves it, or None."""
        keeping = [scope.name for scope in SCOPES.values() if scope.keeps_content]
        return self.path_to(key).filter(scope__in=keeping).first() if key else None

    def with_paths_to(self, keys: Sequence[str]) -> Self:
        """These instances and all above them, by one upward walk."""
        return self.filter(pk__in=RawSQL(path_sql(TABLE, count=len(keys)), list(keys)))  # noqa: S611

    def ancestors_of(self, instance: Any) -> Self:
        """Instances above this one, by one upward walk."""
        key = getattr(instance, "pk", instance)
        return self.path_to(key).exclude(pk=key)

    def descendants_of(self, instance: Any) -> Self:
        """Instances below this one at any depth, by one downward walk."""
        key = getattr(instance, "pk", instance)
        return self.in_branches([key]).exclude(pk=key)

    def in_branches(self, keys: list[str] | tuple[str, ...]) -> Self:
        """These instances and everything below them."""
        if not keys:
            return self.none()
        return self.filter(pk__in=RawSQL(subtree_sql(TABLE, count=len(keys)), list(keys)))  # noqa: S611

    def closed_to(self, who: str) -> Self:
        """What is kept from this person or program: PERSONAL branches of others, FAMILY ones it is no member of.

        `ScopeRules.may_be_held_by` says the same of one instance.
        """
        holder = Coalesce(
            KeyTextTransform("owner", "config"), "created_by", models.Value(""), output_field=models.TextField()
        )
        others = models.Q(scope="PERSONAL") & ~models.Q(holder=who)
        strangers = models.Q(scope="FAMILY", config__members__0__isnull=False) & ~models.Q(
            Holds(KeyTransform("members", "config"), models.Value(who))
        )
        tops = self.model._default_manager.alias(holder=holder).filter(others | strangers)
        return self.filter(pk__in=Below(tops.order_by().values("pk")))

    def private(self) -> Self:
        """Instances of people and families, and everything below them."""
        tops = self.model._default_manager.filter(scope__in=("PERSONAL", "FAMILY"))
        return self.filter(pk__in=Below(tops.order_by().values("pk")))

    def may_hand_down(self, key: str | None) -> bool:
        """Tell whether this instance has somebody to hand work down to, or has to, as it executes nothing."""
        below = models.Q(parent=key, status="active")
        idle = models.Q(pk=key, scope__in=[scope.name for scope in SCOPES.values() if not scope.executes])
        return key is not None and self.filter(below | idle).exists()

    def in_tree_order(self) -> Self:
        """Every instance, depth first, siblings by name, each with `tree_depth`: one query."""
        return self.with_tree_fields().order_siblings_by("name")

    def seen_from(self, keys: Sequence[str] = (), *, depth: int = MAX_DEPTH) -> Self:
        """In tree order, these instances with the ways to them and `depth` levels below; without any, the roots."""
        near = models.Q(pk__in=RawSQL(subtree_sql(TABLE, count=len(keys), depth=depth), keys))  # noqa: S611
        if keys:
            near |= models.Q(pk__in=RawSQL(path_sql(TABLE, count=len(keys)), keys))  # noqa: S611
        return self.in_tree_order().tree_filter(near)

    def with_open_work(self) -> Self:
        """Instances with `open_tasks`, the number of tasks that sit there and are not over."""
        return self.annotate(open_tasks=self._number_of("tasks", OPEN_TASK))

    def with_held_work(self) -> Self:
        """Instances with `held_tasks`, the number of tasks there that somebody holds."""
        return self.annotate(held_tasks=self._number_of("tasks", HELD_TASK))

    def with_children(self) -> Self:
        """Instances with `children_count`, the number of living instances directly below."""
        return self.annotate(children_count=self._number_of("children", ("created", "active", "paused")))

    def _number_of(self, relation: str, statuses: tuple[str, ...]) -> Any:
        """Count by a look at an index for each row shown: grouping would join the whole table first."""
        counted = (
            self._related(relation)
            .filter(status__in=statuses)
            .order_by()
            .annotate(one=models.Value(1))
            .values("one")
            .annotate(n=models.Count("pk"))
            .values("n")
        )
        return Coalesce(models.Subquery(counted), 0)

    def _related(self, relation: str) -> Any:
        """Rows of that relation to the row in question, for a subquery."""
        link = self.model._meta.get_field(relation)
        return link.related_model._default_manager.filter(**{link.field.name: models.OuterRef("pk")})

    def work_by_status(self) -> Self:
        """Rows of `tasks__status` and `n`: how many tasks sit at these instances in each status."""
        return self.order_by().filter(tasks__isnull=False).values("tasks__status").annotate(n=models.Count("tasks"))

    def where_work_is_open(self) -> Self:
        """Rows of `pk` and `n`: the instances with open tasks, and how many."""
        return self.order_by().filter(tasks__status__in=OPEN_TASK).values("pk").annotate(n=models.Count("tasks"))

    def open_work(self) -> dict[str, int]:
        """What is open at these instances: `open_tasks`, `held_tasks` among them, and `open_delegations`."""
        tasks = self.order_by().aggregate(
            open_tasks=models.Count("tasks", filter=models.Q(tasks__status__in=OPEN_TASK)),
            held_tasks=models.Count("tasks", filter=models.Q(tasks__status__in=HELD_TASK)),
        )
        hops = [
            self.order_by().aggregate(n=models.Count(way, filter=models.Q(**{f"{way}__status__in": OPEN_HOP})))["n"]
            for way in ("delegations_in", "delegations_out")
        ]
        return {**tasks, "open_delegations": sum(hops)}

    def closing(self) -> Self:
        """Instances that end when nothing is open at them any more."""
        return self.filter(closing__isnull=False)

    def outlived(self, *, now: datetime) -> Self:
        """Living temporary instances whose time is up, and that nobody has told to end."""
        return self.living().filter(closing=None, instance_type="temporary", expires_at__lte=now)

    def with_window(self) -> Self:
        """Living events that have a window and that nobody has told to end."""
        return self.living().filter(closing=None, scope="EVENT", config__has_key="window")

    def used_up(self) -> Self:
        """Living ephemeral instances that had work, have none left, and nothing living below."""
        of_one_run = self.living().filter(instance_type="ephemeral", closing=None)
        had_work = models.Exists(self._related("tasks"))
        return of_one_run.filter(had_work).with_open_work().with_children().filter(open_tasks=0, children_count=0)

    def for_principal(self, principal: Any) -> Self:
        """Instances that the principal may see."""
        return self.in_branches(principal.instances) if principal.instances else self.all()

    def search(self, text: str) -> Self:
        """Instances whose name or description contains every word."""
        found = self
        for word in text.split():
            found = found.filter(models.Q(name__icontains=word) | models.Q(description__icontains=word))
        return found
