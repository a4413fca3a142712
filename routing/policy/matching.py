"""Hard filters: who cannot have a task at all, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.policy.rules import Verdict
from routing.policy.types import Roster, TaskView

NAMED = 50  # of the removed are told by name


@dataclass(frozen=True)
class Filtered:
    """`kept` marks the candidates that remain; `unfit` those that lack a skill, so the task cannot be theirs.

    `counts` says how many fell to which filter, `removed` to which some of them did, by name.
    """

    kept: NDArray[np.bool_]
    unfit: NDArray[np.bool_]
    counts: dict[str, int]
    removed: dict[str, str]


def filter_candidates(
    task: TaskView, roster: Roster, verdict: Verdict, quarantined: Mapping[str, str] | None = None
) -> Filtered:
    """Remove whoever may not or cannot have the task; the counts say how many fell to which filter.

    `quarantined` says why some projects are kept away from such tasks.
    """
    kept = np.ones(len(roster), bool)
    counts: dict[str, int] = {}
    removed: dict[str, str] = {}

    def remove(mask: NDArray[np.bool_], why: str) -> None:
        nonlocal kept
        fallen = np.flatnonzero(kept & mask)
        if len(fallen):
            counts[why] = counts.get(why, 0) + len(fallen)
            kept = kept & ~mask
            removed.update(dict.fromkeys((roster.names[n] for n in fallen[: NAMED - len(removed)]), why))

    for number in roster.inactive:
        remove(_only(roster, number), roster.candidates[number].inactive or "inactive")
    for number in roster.guarded:
        if why := roster.candidates[number].why_closed(task):
            remove(_only(roster, number), why)
    if task.executor_preference:
        remove(roster.executors != task.executor_preference, f"is no {task.executor_preference}")
    remove(roster.capacity == 0, "has no capacity")
    passed_over = dict.fromkeys(task.passed_over, "had it before and did not get to it")
    for project, why in {**(quarantined or {}), **passed_over}.items():
        if project in roster.index:
            remove(_only(roster, roster.index[project]), why)
    unfit = np.zeros(len(roster), bool)
    for skill, level in task.required.items():
        lacking = roster.levels.get(skill, np.zeros(len(roster), np.int8)) < level
        unfit |= lacking
        remove(lacking, f"lacks {skill} at level {level}")
    for project, rule in verdict.forbidden.items():
        if project in roster.index:
            remove(_only(roster, roster.index[project]), f"forbidden by rule {rule!r}")
    return Filtered(kept, unfit, counts, removed)


def _only(roster: Roster, number: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(roster), bool)
    mask[number] = True
    return mask
