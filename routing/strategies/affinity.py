"""What belongs together goes together: the place of the same conversation, of the parent, or of the same owner."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from routing.policy.types import Roster, Say, TaskView

# Log-odds for the place, by what ties the task to it: 3 to 1, 2 to 1, 3 to 2.
TIES = {"conversation": 1.1, "parent": 0.7, "owner": 0.4}
WORDS = {
    "conversation": "the same conversation went there", "parent": "its parent is there",
    "owner": "its owner was busy there",
}  # fmt: skip


@dataclass(frozen=True)
class Affinity:
    """A lean to recent places, by tie; it adds up, and never settles what nothing else speaks for."""

    recent: Mapping[str, str] = field(default_factory=dict)

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        if not self.recent:
            return None
        odds = np.zeros(len(roster))
        ties: dict[int, list[str]] = {}
        for tie, project in self.recent.items():
            if (number := roster.index.get(project)) is not None:
                odds[number] += TIES[tie]
                ties.setdefault(number, []).append(WORDS[tie])
        if not ties:
            return None
        scores = np.clip(odds / sum(TIES.values()), 0, 1)
        return Say("affinity", scores, odds, lambda n: " and ".join(ties[n]) if n in ties else None, speaks=False)
