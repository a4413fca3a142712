"""What an adviser said, as one more voice, as loud as its own record allows."""

import math
from dataclasses import dataclass

import numpy as np

from routing.learning.bounds import CAUTION, lower_bound
from routing.policy.types import Roster, Say, TaskView

# Right and wrong answers that an adviser is credited with before it has any: the word of a new model settles a doubt
# between two at the usual threshold, that of a new sage one among many.
CREDIT = {"llm": (6.0, 2.0), "sage": (10.0, 2.0)}
SUREST = 0.99


def accuracy_of(kind: str, *, right: int, wrong: int) -> float:
    """Return the share of right answers that the adviser can be trusted with: four of five times it does better."""
    good, bad = CREDIT[kind][0] + right, CREDIT[kind][1] + wrong
    return min(lower_bound(good, good + bad, sureness=CAUTION), SUREST)


@dataclass(frozen=True)
class Counsel:
    """An answer: who named which project, how far it can be trusted, and between how many places there was doubt."""

    kind: str
    model: str
    project: str
    accuracy: float
    rivals: float = 1.0


@dataclass(frozen=True)
class Advised:
    """Log-odds of the named place: right with the adviser's accuracy, else any of the others there was doubt between.

    So where all were equal the place gets just the accuracy as its share, and a word that repeats what was likely
    anyway adds little. It never speaks against a place: odds are not below 0.
    """

    counsel: Counsel

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        number = roster.index.get(self.counsel.project)
        if number is None:
            return None
        scores, odds = np.zeros(len(roster)), np.zeros(len(roster))
        accuracy = scores[number] = self.counsel.accuracy
        others = max(self.counsel.rivals - 1, 1.0)
        odds[number] = max(math.log(accuracy * others / (1 - accuracy)), 0.0) if accuracy > 0 else 0.0
        text = f"{self.counsel.model} names it (right {accuracy:.0%} of the time)"
        return Say(self.counsel.kind, scores, odds, lambda n: text if n == number else None)
