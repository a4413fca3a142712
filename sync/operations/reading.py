"""Reading rows for the graph: nodes for a batch of keys, in a fixed number of questions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Max, Model

from hopper.events.models import Event
from instances.models import Instance
from projects.models import Project
from routing.models import Delegation, Pattern
from sync.graph import Node
from sync.graph.questions import HOP, Hop
from sync.kinds import GRAPH_EVENTS
from sync.mirror import (
    InstanceRow,
    PatternRow,
    ProjectRow,
    TaskRow,
    Wait,
    show_end,
    show_instance,
    show_pattern,
    show_project,
    show_task,
)
from tasks.models import Task, TaskDependency

Keys = Sequence[str]
TASK: Any = ("pk", "title", "status", "priority", "instance_id", "project_id", "parent_id")


@dataclass(frozen=True)
class Subject:
    """A kind of row that the graph shows: its label, and how rows of it are read as nodes."""

    label: str
    rows: type[Model]
    read: Callable[[Keys, dict[str, int]], Iterable[Node]]

    @property
    def aggregate(self) -> str:
        return self.rows._meta.label_lower


def read_nodes(label: str, keys: Keys) -> list[Node]:
    """Return the nodes of the keys as their rows now stand; of a row that is gone, its end.

    The versions are read before the rows. So a state is never older than its version says, and whatever changes in
    between has a higher one and a delivery of its own.
    """
    subject = SUBJECTS[label]
    versions = versions_of(label, keys)
    nodes = {node.key: node for node in subject.read(keys, versions)}
    return [nodes.get(key) or show_end(label, key, versions[key]) for key in dict.fromkeys(keys)]


def versions_of(label: str, keys: Keys) -> dict[str, int]:
    """Return the version of each row for the graph: the id of its latest event that the graph shows; 0 without any.

    A task's hops are shown with it, and whoever writes one holds the task's lock, so that these ids rise as they
    are committed.
    """
    versions = {**dict.fromkeys(keys, 0), **_latest(SUBJECTS[label].aggregate, keys)}
    if label == "Task":
        owner = dict(Delegation.objects.filter(task__in=keys).values_list("pk", "task_id"))
        for hop, latest in _latest(Delegation._meta.label_lower, list(owner)).items():
            versions[owner[hop]] = max(versions[owner[hop]], latest)
    return versions


def _latest(aggregate: str, keys: Keys) -> dict[str, int]:
    shown = Event.objects.filter(aggregate_type=aggregate, aggregate_id__in=keys, type__in=GRAPH_EVENTS)
    return dict(shown.order_by().values_list("aggregate_id").annotate(latest=Max("id")))


def pages(label: str, size: int) -> Iterator[list[str]]:
    """Yield the keys of every row, so many at a time."""
    keys = SUBJECTS[label].rows._default_manager.order_by("pk").values_list("pk", flat=True)
    page = list(keys[:size])
    while page:
        yield page
        page = list(keys.filter(pk__gt=page[-1])[:size])


def existing(label: str, keys: Iterable[str]) -> set[str]:
    """Return those of the keys that a row has."""
    return set(SUBJECTS[label].rows._default_manager.filter(pk__in=set(keys)).values_list("pk", flat=True))


def _instances(keys: Keys, versions: dict[str, int]) -> Iterator[Node]:
    rows = Instance.objects.filter(pk__in=keys).values_list("pk", "name", "scope", "status", "parent_id")
    return (show_instance(InstanceRow(*row), versions[row[0]]) for row in rows)


def _projects(keys: Keys, versions: dict[str, int]) -> Iterator[Node]:
    rows = Project.objects.filter(pk__in=keys).values_list("pk", "slug", "is_active", "instance_id")
    return (show_project(ProjectRow(*row), versions[row[0]]) for row in rows)


def _tasks(keys: Keys, versions: dict[str, int]) -> Iterator[Node]:
    waits: dict[str, list[Wait]] = defaultdict(list)
    hops: dict[str, list[Hop]] = defaultdict(list)
    for wait in TaskDependency.objects.filter(task__in=keys).values_list("task_id", "depends_on_id", "kind"):
        waits[wait[0]].append(Wait(*wait[1:]))
    for hop in (Hop(*row) for row in Delegation.objects.filter(task__in=keys).values_list(*HOP)):
        hops[hop.task].append(hop)
    for row in Task.objects.filter(pk__in=keys).values_list(*TASK, "tags"):
        shown = TaskRow(*row[: len(TASK)])
        shown = replace(shown, tags=tuple(row[-1]), waits=tuple(waits[shown.key]), hops=tuple(hops[shown.key]))
        yield show_task(shown, versions[shown.key])


def _patterns(keys: Keys, versions: dict[str, int]) -> Iterator[Node]:
    """Show patterns; they name instances and projects as text, and lead only to what there is.

    One that names no instance leads to the one that serves its project.
    """
    rows = list(Pattern.objects.filter(pk__in=keys))
    named = Project.objects.filter(pk__in={row.target_project for row in rows if row.target_project})
    serving = dict(named.values_list("pk", "instance_id"))
    goals = {row.pk: row.target_instance or serving.get(row.target_project or "") for row in rows}
    instances = existing("Instance", filter(None, goals.values()))
    origins = existing("Pattern", (row.derived_from for row in rows if row.derived_from))
    for row in rows:
        goal = goals[row.pk]
        shown = PatternRow(
            row.pk, row.name, row.confidence, goal if goal in instances else None,
            row.derived_from if row.derived_from in origins else None, tuple(row.tag_criteria),
        )  # fmt: skip
        yield show_pattern(shown, versions[row.pk])


SUBJECTS = {
    subject.label: subject
    for subject in (
        Subject("Instance", Instance, _instances),
        Subject("Project", Project, _projects),
        Subject("Task", Task, _tasks),
        Subject("Pattern", Pattern, _patterns),
    )
}
