"""What confirmed and corrected decisions teach."""

from dataclasses import dataclass

import numpy as np

from routing.learning.memory import Memory
from routing.policy.decide import LearnedSay
from routing.policy.types import Roster, TaskView

FLOOR = 1e-4


@dataclass(frozen=True)
class Learned:
    """Shares of the learned model over the candidates; a place it never saw keeps a small share, never zero."""

    memory: Memory

    def weigh(self, task: TaskView, roster: Roster) -> LearnedSay | None:
        seen = self.memory.predict(task.text)
        if seen is None:
            return None
        shares = np.full(len(roster), FLOOR)
        outside = seen.doubt
        numbered: dict[int, float] = {}
        for project, share in zip(seen.projects, seen.shares, strict=True):
            number = roster.index.get(project)
            if number is None:
                outside += float(share)
            else:
                shares[number] = max(FLOOR, float(share))
                numbered[number] = shares[number]
        counted = seen.votes

        def reason(number: int) -> str | None:
            name = roster.names[number]
            if shares[number] < 0.05:
                return None
            near = f", like {counted[name]} of the {sum(counted.values())} nearest" if name in counted else ""
            return f"reads like its confirmed tasks ({shares[number]:.0%}{near})"

        return LearnedSay(
            "learned", shares, np.log(shares), reason, speaks=False, outside=outside, shares=numbered,
            is_known=seen.is_known, neighbours=seen.neighbours,
        )  # fmt: skip
