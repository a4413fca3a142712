"""What usually goes where, and what fails there: the active patterns that match a task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routing.learning.bounds import log_odds
from routing.learning.criteria import keys_of, words_of
from routing.policy.types import Roster, Say, TaskView

QUARANTINE = 0.7  # an anti-pattern that is at least so sure keeps tasks away altogether


@dataclass(frozen=True)
class Known:
    """An active pattern: tasks with all these tags, one of these phrases and this priority go there, or fail there.

    Phrases are case-folded words with single spaces. What is empty is not looked at, but something is there.
    `sureness` is the lower bound of how often the pattern is right.
    """

    id: str
    name: str
    project: str | None = None
    instance: str | None = None
    tags: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    priority: str | None = None
    sureness: float = 0.5
    is_anti: bool = False

    @property
    def triggers(self) -> list[str]:
        """The keys of which a task has to carry one: the fewest that the pattern can be found by."""
        if self.tags:
            return [f"#{min(self.tags)}"]
        return [phrase.split()[0] for phrase in self.phrases] or [f"!{self.priority}"]

    def matches(self, task: TaskView, joined: str) -> bool:
        """Tell whether the task is of this kind; `joined` is its words with a space on either side of each."""
        return (
            self.tags.issubset(task.tags)
            and (not self.phrases or any(f" {phrase} " in joined for phrase in self.phrases))
            and self.priority in (None, task.priority)
        )


class PatternBook:
    """Patterns by the keys they need, so that a thousand cost little more than those that can match."""

    def __init__(self, patterns: Iterable[Known] = ()) -> None:
        self.by_trigger: dict[str, list[Known]] = {}
        for pattern in patterns:
            for key in pattern.triggers:
                self.by_trigger.setdefault(key, []).append(pattern)

    def matching(self, task: TaskView) -> list[Known]:
        """Return the patterns that match, surest first."""
        if not self.by_trigger:
            return []
        words = words_of(task.title, task.description)
        joined = f" {' '.join(words)} "
        keys = keys_of(task.tags, words, task.priority) & self.by_trigger.keys()
        found = {p.id: p for key in keys for p in self.by_trigger[key] if p.matches(task, joined)}
        return sorted(found.values(), key=lambda pattern: (-pattern.sureness, pattern.name, pattern.id))


@dataclass(frozen=True)
class Patterns:
    """The surest pattern for a candidate speaks for it, the surest anti-pattern against it.

    Several that match one task rarely tell different things, so they are not added up.
    """

    matching: Sequence[Known] = ()

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        best, worst = self._surest(roster, is_anti=False), self._surest(roster, is_anti=True)
        if not best and not worst:
            return None
        scores, odds = np.zeros(len(roster)), np.zeros(len(roster))
        for found, sign in ((best, 1), (worst, -1)):
            for number, pattern in found.items():
                scores[number] += sign * pattern.sureness
                odds[number] += sign * max(0.0, log_odds(pattern.sureness))

        def reason(number: int) -> str | None:
            for_it = f"such tasks go there: {best[number].name} ({best[number].sureness:.0%})" if number in best else ""
            against = f"such tasks fail there: {worst[number].name}" if number in worst else ""
            return " but ".join(filter(None, (for_it, against))) or None

        return Say("pattern", np.clip(scores, 0, 1), odds, reason)

    def _surest(self, roster: Roster, *, is_anti: bool) -> dict[int, Known]:
        found: dict[int, Known] = {}
        for pattern in self.matching:
            if pattern.is_anti == is_anti:
                for number in _numbers(pattern, roster):
                    found.setdefault(number, pattern)
        return found

    @property
    def quarantined(self) -> Mapping[str, str]:
        """The projects that a strong anti-pattern keeps such a task from, and why."""
        return {
            pattern.project: f"fails for such tasks ({pattern.name})"
            for pattern in reversed(self.matching)
            if pattern.is_anti and pattern.project and pattern.sureness >= QUARANTINE
        }


def _numbers(pattern: Known, roster: Roster) -> list[int]:
    """Return the candidates that the pattern speaks of: its project, or all that its instance serves."""
    if pattern.project:
        return [roster.index[pattern.project]] if pattern.project in roster.index else []
    return [number for number, place in enumerate(roster.candidates) if place.instance == pattern.instance]
