"""What a destination can do, and what it says of itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from routing.learning.bounds import clear_odds, lower_bound, upper_bound
from routing.policy.conditions import Seen
from routing.policy.types import Roster, Say, TaskView

SURE = math.log(9)  # a full match alone: nine to one
MENTION = 0.45  # what one word that a project describes itself with tells
HIGHEST_LEVEL = 5

Proven = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True)
class Capability:
    """Fit of the required skills; while nothing has been learned, also the words a project describes itself with.

    `proven` is how often a project did well and badly, by skill and project: where the bounds of that are clear, it
    shifts the odds. The claimed level alone decides who may have the task.
    """

    use_mentions: bool = True
    proven: Proven = field(default_factory=dict)

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        fit = self._fit(task, roster)
        words = self._mentioned(task, roster) if self.use_mentions else {}
        told = np.zeros(len(roster))
        for number, found in words.items():
            told[number] = 1 - (1 - MENTION) ** len(found)
        shown = self._shown(task, roster)
        if not fit.any() and not told.any() and not shown:
            return None

        def reason(number: int) -> str | None:
            parts = []
            if fit[number]:
                levels = roster.candidates[number].capabilities
                parts.append("can do " + ", ".join(f"{skill} (level {levels[skill]})" for skill in task.required))
            if number in words:
                parts.append("describes itself with " + ", ".join(sorted(words[number])[:4]))
            if number in shown:
                parts.append(shown[number].text)
            return " and ".join(parts) or None

        scores = 1 - (1 - fit) * (1 - told)
        odds = SURE * fit + _odds_of_words(told)
        for number, outcome in shown.items():
            odds[number] += outcome.shift
            scores[number] = outcome.adjusted(scores[number])
        return Say("capability", scores, odds, reason)

    def _shown(self, task: TaskView, roster: Roster) -> "dict[int, Outcome]":
        """Return what each candidate has shown in the weakest of the skills that the task names."""
        found: dict[int, Outcome] = {}
        for skill in sorted({*task.required, *task.tags} & self.proven.keys()):
            for project, (right, wrong) in self.proven[skill].items():
                number = roster.index.get(project)
                if number is not None and (skill in task.required or skill in roster.candidates[number].capabilities):
                    outcome = Outcome(skill, right, right + wrong)
                    found[number] = min(outcome, found.get(number, outcome), key=lambda o: lower_bound(o.right, o.all))
        return {number: outcome for number, outcome in found.items() if outcome.shift}

    def _fit(self, task: TaskView, roster: Roster) -> np.ndarray:
        """Return 0.5 for levels just met to 1.0 for the highest, averaged over the required skills; 0 without any."""
        total = np.zeros(len(roster))
        for skill, wanted in task.required.items():
            level = roster.levels.get(skill, np.zeros(len(roster), np.int8)).astype(float)
            span = max(1, HIGHEST_LEVEL - wanted)
            total += np.where(level >= wanted, 0.5 + 0.5 * (level - wanted) / span, 0.0)
        fit = total / max(1, len(task.required))
        return np.clip(fit, 0, 1)

    def _mentioned(self, task: TaskView, roster: Roster) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        words = {*Seen(task).words, *task.tags} & roster.mentions.keys()
        for word in words:
            for number in roster.mentions[word]:
                found.setdefault(number, set()).add(word)
        return found


def _odds_of_words(told: np.ndarray) -> np.ndarray:
    """Return log-odds by which words leave a place the share that they tell, however many others there are.

    Two words of one project settle a task in a house of five and of five hundred; one alone never does.
    """
    rivals = max(len(told) - 1, 1)
    with np.errstate(divide="ignore"):
        against_all = np.log(told / (1 - told) * rivals)
    return np.asarray(np.maximum(against_all, -2 * np.log1p(-told)))


@dataclass(frozen=True)
class Outcome:
    """How often a candidate did well with a skill; counts are decayed by age."""

    skill: str
    right: float
    all: float

    @property
    def shift(self) -> float:
        """Log-odds, for it or against it as far as is sure; 0 while it is open."""
        return float(np.clip(clear_odds(self.right, self.all), -SURE, SURE))

    @property
    def text(self) -> str:
        return f"proven in {self.skill}: {self.right:.0f} of {self.all:.0f}"

    def adjusted(self, score: float) -> float:
        """Return the score that people see: at least what is proven, or less by what is disproven."""
        low, high = lower_bound(self.right, self.all), upper_bound(self.right, self.all)
        return max(score, low) if self.shift > 0 else score * 2 * high


@dataclass(frozen=True)
class Boost:
    """A project's own `priority_boost` for a priority or a tag, bounded to a factor of ten."""

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        keys = {task.priority, *task.tags}
        factors = np.ones(len(roster))
        for number in roster.boosted:
            for name, factor in roster.candidates[number].boost.items():
                if name in keys:
                    factors[number] *= factor
        if (factors == 1).all():
            return None
        return Say(
            "boost", np.clip(factors / 10, 0, 1), np.log(np.clip(factors, 0.1, 10)),
            lambda n: f"asks for such tasks (×{factors[n]:g})" if factors[n] != 1 else None, speaks=False,
        )  # fmt: skip
