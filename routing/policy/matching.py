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

    `counts` says how many fell to which filter, `removed` to which some of them did, by name. `forbidden` are those
    that nothing but a rule removed.
    """

    kept: NDArray[np.bool_]
    unfit: NDArray[np.bool_]
    counts: dict[str, int]
    removed: dict[str, str]
    forbidden: tuple[str, ...] = ()


class _Sieve:
    """The candidates that are left, and why the others are not."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.kept = np.ones(len(roster), bool)
        self.counts: dict[str, int] = {}
        self.removed: dict[str, str] = {}

    def remove(self, mask: NDArray[np.bool_], why: str, *, counted: str = "") -> None:
        """Remove candidates; they are counted under a reason that names nobody."""
        fallen = np.flatnonzero(self.kept & mask)
        if len(fallen):
            counted = counted or why
            self.counts[counted] = self.counts.get(counted, 0) + len(fallen)
            self.kept = self.kept & ~mask
            named = (self.roster.names[n] for n in fallen[: NAMED - len(self.removed)])
            self.removed.update(dict.fromkeys(named, why))

    def remove_named(self, reasons: Mapping[str, str], *, counted: str = "") -> None:
        for project, why in reasons.items():
            if project in self.roster.index:
                self.remove(_only(self.roster, self.roster.index[project]), why, counted=counted)


def filter_candidates(
    task: TaskView, roster: Roster, verdict: Verdict, quarantined: Mapping[str, str] | None = None
) -> Filtered:
    """Remove whoever may not or cannot have the task; the counts say how many fell to which filter.

    `quarantined` says why some projects are kept away from such tasks.
    """
    sieve = _Sieve(roster)
    if task.instance:
        sieve.remove(~roster.below(task.instance), "is served elsewhere than where it was filed")
    for number in roster.inactive:
        sieve.remove(_only(roster, number), roster.candidates[number].inactive or "inactive")
    for number in roster.guarded:
        if why := roster.candidates[number].why_closed(task):
            sieve.remove(_only(roster, number), why)
    if task.executor_preference:
        sieve.remove(roster.executors != task.executor_preference, f"is no {task.executor_preference}")
    sieve.remove(roster.capacity == 0, "has no capacity")
    sieve.remove_named(quarantined or {}, counted="fails for such tasks")
    sieve.remove_named(dict.fromkeys(task.passed_over, "had it before and did not get to it"))
    unfit = np.zeros(len(roster), bool)
    for skill, level in task.required.items():
        lacking = roster.levels.get(skill, np.zeros(len(roster), np.int8)) < level
        unfit |= lacking
        sieve.remove(lacking, f"lacks {skill} at level {level}")
    left = [name for name in verdict.forbidden if name in roster.index and sieve.kept[roster.index[name]]]
    forbidden = {project: f"forbidden by rule {rule!r}" for project, rule in verdict.forbidden.items()}
    sieve.remove_named(forbidden, counted="forbidden by a rule")
    return Filtered(sieve.kept, unfit, sieve.counts, sieve.removed, tuple(left))


def _only(roster: Roster, number: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(roster), bool)
    mask[number] = True
    return mask
