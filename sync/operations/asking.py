"""Answers of the graph: it says which and in what order; the rows say who may see it, and how it now stands."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from hopper.common.db.graph import AnyOf
from hopper.common.durations import read_duration
from hopper.common.models import Role
from hopper.common.rest.principals import Principal
from instances.models import Instance
from projects.models import Project
from routing.models import Delegation, Pattern
from sync.graph.adapters import ask
from sync.graph.questions import MOST, Hop, Sight
from sync.graph.walks import longest_chain
from tasks.models import Task

SHOWN = 1000  # rows in an answer
COLUMNS: dict[type, tuple[str, ...]] = {
    Task: ("title", "status"), Instance: ("name",), Pattern: ("name", "confidence"), Project: ("name",),
    Delegation: ("task", "delegation_type", "status", "delegated_at", "accepted_at", "completed_at"),
}  # fmt: skip
HOUR = 3600  # seconds; what nobody has estimated counts as one


@dataclass(frozen=True)
class Item:
    """A row of an answer, and what the question adds to it."""

    row: Any
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the principal may see, in order; `answered_by` names the adapter, `truncated` says that there is more."""

    results: Sequence[Any]
    answered_by: str
    truncated: bool
    about: Mapping[str, Any] = field(default_factory=dict)


def path_to_root(*, instance: Instance, principal: Principal) -> Answer:
    """Return the instances from this one up to the root."""
    keys, by = ask(lambda graph: graph.path_to_root(instance.pk))
    return _answer(by, _items(Instance.objects, keys, principal), keys)


def delegation_chain(*, task: Task, principal: Principal) -> Answer:
    """Return the task, and the instance of each of its hops in the order they were made, with the hop."""
    hops, by = ask(lambda graph: graph.delegation_chain(task.pk))
    return _answer(by, [Item(task), *_handed_to(hops, principal)], hops)


def tasks_blocked_by(*, task: Task, principal: Principal) -> Answer:
    """Return the tasks that wait for this one, directly or through others, the nearest first."""
    keys, by = ask(lambda graph: graph.blocked_by(task.pk))
    return _answer(by, _items(Task.objects, keys, principal), keys)


def lineage_of(*, task: Task, principal: Principal) -> Answer:
    """Return what the task is part of, itself and what is part of it, each followed by where it was handed to."""
    found, by = ask(lambda graph: graph.lineage_of(task.pk))
    rows = _seen(Task.objects, found.tasks, principal)
    handed = _handed_to([hop for key in found.tasks for hop in found.hops.get(key, ())], principal)
    places: dict[str, dict[str, Item]] = {}
    for item in handed:
        places.setdefault(item.about["delegation"].task_id, {}).setdefault(item.row.pk, Item(item.row))
    items = [
        item
        for key in found.tasks if key in rows
        for item in (Item(rows[key]), *places.get(key, {}).values())
    ]  # fmt: skip
    return _answer(by, items, found.tasks)


def tags_together(*, least: int, principal: Principal) -> Answer:
    """Return the pairs of tags that at least so many of the tasks that the principal may see carry both."""
    sight = _sight(principal)
    pairs, by = ask(lambda graph: graph.tags_together(least=least, sight=sight))
    return _answer(by, pairs, pairs)


def patterns_to(*, instance: Instance, least: float, principal: Principal) -> Answer:
    """Return the patterns in use that route to the instance and are at least so sure, the surest first."""
    keys, by = ask(lambda graph: graph.patterns_to(instance.pk, least=least))
    return _answer(by, _items(Pattern.objects.promising(), keys, principal), keys)


def what_stops_without(*, instance: Instance, principal: Principal) -> Answer:
    """Return the open tasks that stop if the instance is away, each with `why`; the projects, and how many of each."""
    found, by = ask(lambda graph: graph.stopped_without(instance.pk))
    groups = {why: getattr(found, why) for why in ("here", "below", "delegated", "waiting")}
    keys = [key for group in groups.values() for key in group]
    rows = _seen(Task.objects, keys, principal)
    items = [Item(rows[key], {"why": why}) for why, group in groups.items() for key in group if key in rows]
    projects = [item.row for item in _items(Project.objects, found.projects, principal)]
    counts = {why: sum(key in rows for key in group) for why, group in groups.items()}
    about = {"projects": projects[:SHOWN], "counts": {**counts, "tasks": len(rows), "projects": len(projects)}}
    return _answer(by, items, max(*groups.values(), found.projects, key=len), **about)


def critical_path(*, task: Task, principal: Principal) -> Answer:
    """Return the longest chain of open tasks that has to be done before this one, and itself; each with `hours`.

    What nobody has estimated has none, and counts as an hour.
    """
    waits, by = ask(lambda graph: graph.open_blockers(task.pk))
    estimates = _estimates({task.pk, *(key for wait in waits for key in wait)})
    chain = longest_chain(task.pk, waits, lambda key: estimates.get(key) or HOUR)
    rows = _seen(Task.objects, chain, principal)
    shown = [key for key in chain if key in rows]
    hours = {key: seconds / HOUR for key in shown if (seconds := estimates.get(key))}
    total = sum(hours.get(key, 1.0) for key in shown)
    return _answer(by, [Item(rows[key], {"hours": hours.get(key)}) for key in shown], waits, hours=total)


def _answer(by: str, items: Sequence[Any], walked: Collection[Any], **about: Any) -> Answer:
    return Answer(items[:SHOWN], by, len(walked) >= MOST or len(items) > SHOWN, about)


def _items(among: Any, keys: Sequence[str], principal: Principal) -> list[Item]:
    rows = _seen(among, keys, principal)
    return [Item(rows[key]) for key in keys if key in rows]


def _seen(among: Any, keys: Collection[str], principal: Principal) -> dict[str, Any]:
    rows = among.for_principal(principal).filter(AnyOf("pk", list(keys)))
    return {row.pk: row for row in rows.only(*COLUMNS[among.model])}


def _handed_to(hops: Iterable[Hop], principal: Principal) -> Iterator[Item]:
    """Yield the instance of each hop with the hop as it now stands, if the principal may see both."""
    made = list(hops)
    rows = _seen(Delegation.objects, [hop.key for hop in made], principal)
    places = _seen(Instance.objects, {hop.instance for hop in made}, principal)
    for hop in made:
        if hop.key in rows and hop.instance in places:
            yield Item(places[hop.instance], {"delegation": rows[hop.key]})


def _sight(principal: Principal) -> Sight:
    """Return which tasks the principal may see, as `Task.objects.for_principal` does, in values for any adapter."""
    branches = Instance.objects.in_branches(principal.instances).values_list("pk", flat=True)
    closed = Instance.objects.closed_to(principal.name).values_list("pk", flat=True)
    return Sight(
        projects=principal.projects or None, places=tuple(branches) if principal.instances else None,
        closed=() if principal.may(Role.ADMINISTRATOR) else tuple(closed),
    )  # fmt: skip


def _estimates(keys: Collection[str]) -> dict[str, int]:
    """Return how many seconds of work the tasks are, of those whose estimate is a duration."""
    rows = Task.objects.filter(AnyOf("pk", list(keys))).exclude(estimated_effort=None)
    found = {}
    for key, effort in rows.values_list("pk", "estimated_effort"):
        try:
            found[key] = max(1, round(read_duration(effort or "").total_seconds()))
        except ValidationError:  # people may write what they like
            continue
    return found
