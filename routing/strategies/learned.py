"""What confirmed and corrected decisions teach."""

from dataclasses import dataclass, field

import numpy as np

from routing.learning.features import Reals
from routing.learning.memory import Memory, Prediction
from routing.policy.pool import LearnedSay
from routing.policy.types import Roster, TaskView

WORTH_SAYING = 0.05
FLOOR = 1e-3  # shared by all candidates


@dataclass
class Recollection:
    """What the memory says of one task, asked once for all factors of a decision.

    `meaning` is the task's vector, where the model has learned meanings.
    """

    memory: Memory
    meaning: Reals | None = None
    _asked: dict[str, Prediction | None] = field(default_factory=dict)

    def of(self, task: TaskView) -> Prediction | None:
        """Return where tasks like it belong, or None while nothing is known."""
        if task.text not in self._asked:
            self._asked = {task.text: self.memory.predict(task.text, self.meaning)}
        return self._asked[task.text]


@dataclass(frozen=True)
class Learned:
    """Shares of the learned model over the candidates; places it never saw share what such places get, never zero."""

    recollection: Recollection

    def weigh(self, task: TaskView, roster: Roster) -> LearnedSay | None:
        seen = self.recollection.of(task)
        if seen is None:
            return None
        places = roster.places(tuple(seen.projects))
        here = places >= 0
        new = np.ones(len(roster), bool)
        new[places[here]] = False
        expected = _expected_of_new(seen, int(new.sum()))
        shares = np.where(new, expected / max(1, new.sum()), 0.0)
        shares[places[here]] = (1 - expected) * seen.shares[here]
        outside = (1 - expected) * (seen.doubt + float(seen.shares[~here].sum()))
        odds = np.log(np.maximum(shares, FLOOR / max(1, len(roster))))
        counted = seen.votes

        def reason(number: int) -> str | None:
            if shares[number] < WORTH_SAYING or new[number]:
                return None
            name = roster.names[number]
            near = f", like {counted[name]} of the {sum(counted.values())} nearest" if name in counted else ""
            return f"reads like its confirmed tasks ({shares[number]:.0%}{near})"

        return LearnedSay(
            "learned", shares, odds, reason, speaks=False, outside=outside, is_known=seen.is_known,
            neighbours=seen.neighbours, experts=seen.experts,
        )  # fmt: skip


def _expected_of_new(seen: Prediction, new: int) -> float:
    """Return the share of tasks that belong to one of the new places: at most as if all places were as common."""
    return min(seen.rare, new / (new + len(seen.projects))) if new else 0.0
