"""What a destination can do, and what it says of itself."""

import math
from dataclasses import dataclass

import numpy as np

from routing.policy.conditions import Seen
from routing.policy.types import Roster, Say, TaskView

SURE = math.log(9)  # a full match alone: nine to one
MENTION = 0.45  # one word that a project describes itself with: better than even against one rival
HIGHEST_LEVEL = 5


@dataclass(frozen=True)
class Capability:
    """Fit of the required skills; while nothing has been learned, also the words a project describes itself with."""

    use_mentions: bool = True

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        fit = self._fit(task, roster)
        words = self._mentioned(task, roster) if self.use_mentions else {}
        told = np.zeros(len(roster))
        for number, found in words.items():
            told[number] = 1 - (1 - MENTION) ** len(found)
        if not fit.any() and not told.any():
            return None

        def reason(number: int) -> str | None:
            parts = []
            if fit[number]:
                levels = roster.candidates[number].capabilities
                parts.append("can do " + ", ".join(f"{skill} (level {levels[skill]})" for skill in task.required))
            if number in words:
                parts.append("describes itself with " + ", ".join(sorted(words[number])[:4]))
            return " and ".join(parts) or None

        scores = 1 - (1 - fit) * (1 - told)
        return Say("capability", scores, SURE * fit - np.log1p(-told) * 2, reason)

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
