"""What became of tasks where they were sent, so that a destination's success on similar ones is known. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from routing.learning.model import Model, Reading
from routing.learning.recall import NEAREST, Lesson, Tail

MOST_FAILURES = 500


@dataclass(frozen=True, slots=True)
class Trial:
    """A task that was sent to a project, whether that was right, and when; `weight` is less for a mere hint."""

    project: str
    went_well: bool
    at: float
    weight: float = 1.0


@dataclass(frozen=True)
class Told:
    """What one judged episode tells: its trial, if it is one, and its text, if nobody knows where it belonged."""

    episode: str
    trial: Trial | None
    failure: Lesson | None = None


@dataclass(frozen=True)
class History:
    """An immutable snapshot: trials by episode, and the latest failures that are nobody's example.

    The confirmed examples near a text are found by the learned factor; a failure whose true place is unknown is none
    of them, so it is looked for here, by its words.
    """

    trials: Mapping[str, Trial] = field(default_factory=dict)
    failures: Mapping[str, Lesson] = field(default_factory=dict)

    @cached_property
    def usual(self) -> float:
        """The share of all tasks that went well where they were sent; one half before any."""
        return (sum(trial.went_well for trial in self.trials.values()) + 1) / (len(self.trials) + 2)

    def learn(self, told: Iterable[Told]) -> "History":
        """Return a history that knows these too; a later word of the same episode replaces the earlier."""
        trials, failures = dict(self.trials), dict(self.failures)
        for one in told:
            trials.pop(one.episode, None)
            failures.pop(one.episode, None)
            if one.trial:
                trials[one.episode] = one.trial
            if one.failure:
                failures[one.episode] = one.failure
        return History(trials, dict(list(failures.items())[-MOST_FAILURES:]))

    def failures_near(self, text: str, model: Model | None) -> list[tuple[str, float]]:
        """Return the failures that are most like the text, each with its cosine."""
        if not self.failures:
            return []
        reading = Reading.of(text)
        values = model.weigh(reading.features, reading.counts) if model else reading.counts.astype(np.float64)
        tail = Tail(list(self.failures.values()), model.arrays.idf if model else None, 0)
        cosines = tail.cosines(reading.features, values / (np.linalg.norm(values) or 1.0))
        top = [n for n in np.argsort(-cosines, kind="stable")[:NEAREST].tolist() if cosines[n] > 0]
        return [(tail.lessons[n].episode, float(cosines[n])) for n in top]
