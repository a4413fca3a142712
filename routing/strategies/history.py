"""How similar tasks fared where they were sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from routing.learning.bounds import CAUTION, clear_odds, lower_bound
from routing.learning.history import History, Trial
from routing.policy.types import Roster, Say, TaskView
from routing.strategies.learned import Recollection

HALF_LIFE = 90  # days after which an outcome counts half, as for proven skill
SECONDS_A_DAY = 86_400
SIMILAR = 0.3  # the cosine below which an episode tells nothing of the task
CLEAREST = 2.2  # log-odds
MOST_USUAL = 0.9  # where nearly all goes well, one failure in six says nothing yet


@dataclass(frozen=True)
class HistorySay(Say):
    """What similar tasks tell, with each of them for the record."""

    near: tuple[dict[str, Any], ...] = ()


@dataclass
class Fared:
    """How often similar tasks went well at one place: as counts, and by likeness and age."""

    right: int = 0
    all: int = 0
    well: float = 0.0
    weight: float = 0.0

    def add(self, trial: Trial, share: float) -> None:
        """Count a trial; its weight is scaled by the share."""
        weight = share * trial.weight
        self.all, self.right = self.all + 1, self.right + trial.went_well
        self.weight, self.well = self.weight + weight, self.well + weight * trial.went_well

    def odds(self, usual: float) -> float:
        """For the place or against it as far as they clearly went better or worse than usual; 0 while that is open."""
        usual = min(max(usual, 1 - MOST_USUAL), MOST_USUAL)
        clear = clear_odds(self.well, self.weight, sureness=CAUTION, usual=usual)
        return float(np.clip(clear, -CLEAREST, CLEAREST))

    @property
    def text(self) -> str:
        return f"{self.right} of {self.all} similar tasks went well there"


@dataclass(frozen=True)
class Fortune:
    """The success of each place on the episodes nearest to the task, halved every 90 days.

    A near episode counts as much as it is like the task, and not at all if that is little. Those that went elsewhere
    say nothing of a place: where a task belongs is what the learned factor says; this one says whether such tasks went
    better or worse there than tasks usually go. Where all go well, that many were sent there is no news.
    """

    recollection: Recollection
    history: History = field(default_factory=History)

    def weigh(self, task: TaskView, roster: Roster) -> HistorySay | None:
        fared: dict[int, Fared] = {}
        near = []
        for episode, likeness, trial in self._near(task):
            number = roster.index.get(trial.project)
            if number is not None:
                days = _age(task, trial)
                fared.setdefault(number, Fared()).add(trial, likeness * 2.0 ** (-days / HALF_LIFE))
                near.append({"episode": episode, "project": trial.project, "similarity": round(likeness, 3),
                             "success": trial.went_well, "days": days})  # fmt: skip
        if not fared:
            return None
        scores, odds = np.zeros(len(roster)), np.zeros(len(roster))
        for number, one in fared.items():
            scores[number] = lower_bound(one.well, one.weight, sureness=CAUTION)
            odds[number] = one.odds(self.history.usual)

        def reason(number: int) -> str | None:
            return fared[number].text if number in fared and odds[number] else None

        return HistorySay("history", scores, odds, reason, speaks=False, near=tuple(near))

    def _near(self, task: TaskView) -> Iterator[tuple[str, float, Trial]]:
        seen = self.recollection.of(task)
        examples = [(near["episode"], near["similarity"]) for near in seen.neighbours] if seen else []
        yield from self._trials(examples)
        yield from self._trials(self.history.failures_near(task.text, self.recollection.memory.model))

    def _trials(self, found: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float, Trial]]:
        for episode, likeness in found:
            if likeness >= SIMILAR and (trial := self.history.trials.get(episode)):
                yield episode, min(likeness, 1.0), trial


def _age(task: TaskView, trial: Trial) -> int:
    """Return the age in whole days, so that the same task is decided alike for a day."""
    return max(int((task.at - trial.at) // SECONDS_A_DAY), 0)
