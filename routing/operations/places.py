"""Instances as delegation sees them: their way to the root, what is in force there, and how much they have to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count
from django.utils import timezone

from hopper.common.durations import read_duration
from hopper.common.fields import normalise_levels
from instances.config import Setting, effective_config
from instances.models import Instance
from instances.scopes import FULL, Facts, complexity_of
from routing.models import Delegation
from tasks.models import Task


@dataclass(frozen=True)
class Place:
    """An instance with its path (itself first, the root last) and the settings in force there."""

    instance: Instance
    path: Sequence[Instance]
    settings: dict[str, Setting]
    load: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.instance.name

    def facts(self, **more: Any) -> Facts:
        return self.instance.facts(self.settings, now=timezone.now(), **self.load, **more)

    def value(self, name: str, default: Any = None) -> Any:
        return self.settings[name].value if name in self.settings else default

    def refusal(self, *, sender: str) -> str | None:
        """Return why the place takes no task of this sender now, or None if it does."""
        facts = self.facts()
        return FULL if facts.is_full else self.instance.rules.why_not_receive(facts, sender=sender)


def places(*keys: str) -> dict[str, Place]:
    """Return the places of these instances, by id, each with its load; four queries, however many they are."""
    if not keys:
        return {}
    rows = {row.pk: row for row in Instance.objects.with_paths_to(list(keys))}
    loads = _loads(keys)
    found = {}
    for key in keys:
        path = _path(key, rows)
        found[key] = Place(rows[key], path, effective_config(key, path), loads[key])
    return found


def _path(key: str, rows: dict[str, Instance]) -> list[Instance]:
    path: list[Instance] = []
    step: str | None = key
    while step in rows and rows[step] not in path:
        path.append(rows[step])
        step = rows[step].parent_id
    return path


def _loads(keys: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return `{open_tasks, children}` of each: tasks there that are not over and offers to it, and living children."""
    here = Instance.objects.filter(pk__in=keys).with_open_work()
    offers = Delegation.objects.offered().filter(target_instance__in=keys).order_by()
    offered = dict(offers.values_list("target_instance").annotate(n=Count("pk")))
    below = Instance.objects.active().filter(parent__in=keys).order_by()
    children = dict(below.values_list("parent").annotate(n=Count("pk")))
    return {
        row.pk: {"open_tasks": row.open_tasks + offered.get(row.pk, 0), "children": children.get(row.pk, 0)}
        for row in here
    }


def complexity(task: Task) -> float | None:
    """Return how complex the task is, 1 to 10, or None if nobody said how much work it is."""
    try:
        effort = read_duration(task.estimated_effort or "")
    except ValidationError:  # people may write what they like
        return None
    return complexity_of(effort, skills=len(task.required_capabilities))


def in_order(children: Sequence[Place], task: Task) -> list[Place]:
    """Return those of the children that may be offered the task, the best first.

    One that says what it can do has to be able to do this; one that says nothing comes after those. Then the one
    with the smallest share of its room in use, by load / `max_concurrent_tasks`, or with the least to do.
    """
    fit = [child for child in children if _is_able(child, task) and child.refusal(sender="") is None]
    return sorted(fit, key=lambda child: (not child.value("capabilities"), _use(child), child.name))


def _is_able(child: Place, task: Task) -> bool:
    levels = normalise_levels(child.value("capabilities", {}))
    return not levels or all(levels.get(skill, 0) >= level for skill, level in task.required_now.items())


def _use(child: Place) -> float:
    facts = child.facts()
    return facts.open_tasks / facts.max_concurrent_tasks if facts.max_concurrent_tasks else facts.open_tasks / 1e6
