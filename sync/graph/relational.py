"""The graph in the rows themselves: the embedded default, which knows no lag and is never away."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from hopper.common.db.graph import AnyOf, Edge, edges_from, levels_around, steps_up
from hopper.common.db.lists import pairs_of_keys
from instances.models import Instance
from projects.models import Project
from routing.models import Delegation, Pattern
from sync.graph.questions import HOP, MOST, Hop, Lineage, Pair, Sight, Stopped, in_order, lineage
from sync.graph.walks import by_distance
from tasks.models import Task

BLOCKERS = Edge("task_dependencies", "task_id", "depends_on_id")
BLOCKED = Edge("task_dependencies", "depends_on_id", "task_id")
IS_OPEN = f"(SELECT n.status FROM tasks n WHERE n.id = {{node}}) IN ({', '.join(map(repr, map(str, Task.OPEN)))})"  # noqa: S608


class RelationalQuestions:
    """Recursive queries over the tables."""

    name = "relational"

    def path_to_root(self, instance: str) -> list[str]:
        above = steps_up(instance, "hopper_instances")
        return sorted(above, key=above.__getitem__)

    def delegation_chain(self, task: str) -> list[Hop]:
        return in_order(Hop(*row) for row in Delegation.objects.of_task(task).values_list(*HOP)[:MOST])

    def blocked_by(self, task: str) -> list[str]:
        return by_distance([task], edges_from([task], BLOCKED, most=MOST))[:MOST]

    def lineage_of(self, task: str) -> Lineage:
        levels = levels_around(task, "tasks")
        hops = Delegation.objects.filter(AnyOf("task_id", list(levels))).values_list(*HOP)
        return lineage(levels, (Hop(*row) for row in hops))

    def tags_together(self, *, least: int, sight: Sight) -> list[Pair]:
        found = pairs_of_keys(_tasks_in(sight), "tags", least=least, most=MOST)
        return [Pair(*row) for row in found]

    def patterns_to(self, instance: str, *, least: float) -> list[str]:
        found = Pattern.objects.routing_to(instance).filter(confidence__gte=least).order_by("-confidence", "pk")
        rows = found.values_list("confidence", "pk")[:MOST]
        return [key for _, key in sorted(rows, key=lambda row: (-row[0], row[1]))]

    def stopped_without(self, instance: str) -> Stopped:
        branch = list(Instance.objects.in_branches([instance]).values_list("pk", flat=True))
        here = _first(Task.objects.open().filter(instance=instance))
        below = _first(Task.objects.open().filter(AnyOf("instance_id", [key for key in branch if key != instance])))
        handed = Delegation.objects.open().filter(AnyOf("target_instance_id", branch)).values("task")
        delegated = _first(Task.objects.open().filter(_outside(branch), pk__in=handed))
        stopped = [*here, *below, *delegated]
        waiting = by_distance(stopped, edges_from(stopped, BLOCKED, most=MOST, where=IS_OPEN))
        projects = _first(Project.objects.filter(AnyOf("instance_id", branch)))
        return Stopped(here, below, delegated, waiting[:MOST], projects)

    def open_blockers(self, task: str) -> list[tuple[str, str]]:
        return edges_from([task], BLOCKERS, most=MOST, where=IS_OPEN)


def _first(rows: Any) -> list[str]:
    """Return the first keys, in an order that no collation of a database changes."""
    return sorted(rows.order_by("pk").values_list("pk", flat=True)[:MOST])


def _tasks_in(sight: Sight) -> Any:
    rows = Task.objects.all()
    if sight.projects is not None:
        rows = rows.filter(project__in=sight.projects)
    if sight.places is not None:
        rows = rows.filter(AnyOf("instance_id", list(sight.places)))
    return rows.filter(_outside(sight.closed)) if sight.closed else rows


def _outside(places: Sequence[str]) -> Q:
    return Q(instance=None) | ~Q(AnyOf("instance_id", places))
