"""What a process remembers: the newest fitted model, and the lessons that came after it.

The fitted model is swapped whole; the lessons since then are a short tail of neighbours that is searched in
full, so that a correction counts for the very next task, long before the next fit.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.learning.features import SIZE, vectorise
from routing.learning.model import NEAREST, SHARPNESS, Model

LONGEST_TAIL = 2000
NEAR_ENOUGH = 0.35  # without a fitted model: the cosine at which one neighbour weighs as much as the doubt


@dataclass(frozen=True)
class Lesson:
    """A confirmed example that came after the fit; `project` None withdraws what the episode taught."""

    episode: str
    project: str | None
    reliability: float
    features: NDArray[np.int32]
    counts: NDArray[np.float32]

    @classmethod
    def of(cls, *, episode: str, text: str, project: str | None, reliability: float) -> "Lesson":
        return cls(episode, project, reliability, *vectorise(text))


@dataclass(frozen=True)
class Prediction:
    """Shares over places, the share of doubt that belongs to none of them, and the evidence."""

    projects: list[str]
    shares: NDArray[np.float64]
    doubt: float
    is_known: bool
    votes: Counter[str]
    neighbours: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Memory:
    """An immutable snapshot; learning makes a new one."""

    model: Model | None = None
    number: int = 0
    lessons: dict[str, Lesson] = field(default_factory=dict)

    @property
    def is_fitted(self) -> bool:
        return self.model is not None

    def learn(self, lessons: Iterable[Lesson]) -> "Memory":
        """Return a memory that knows these lessons too; a later lesson of the same episode replaces it."""
        known = dict(self.lessons)
        for lesson in lessons:
            known.pop(lesson.episode, None)
            known[lesson.episode] = lesson
        return replace(self, lessons=dict(list(known.items())[-LONGEST_TAIL:]))

    def predict(self, text: str) -> Prediction | None:
        """Return where tasks like this text belong, or None while nothing is known."""
        features, counts = vectorise(text)
        if not len(features):
            return None
        if self.model is None:
            return self._by_lessons(features, counts)
        return self._by_model(self.model, features, counts)

    def _by_model(self, model: Model, features: Any, counts: Any) -> Prediction:
        values = model.weigh(features, counts)
        near = model.nearest(features, values, superseded=self.lessons)
        experts, margin = model.experts(features, values, near)
        names, shares = list(model.projects), model.shares(experts)
        votes = Counter(model.projects[label] for label in model.arrays.labels[near.numbers])
        familiarity = model.familiarity(near, margin)
        neighbours = model.describe(near)
        tail = self._near_lessons(features, values, model.arrays.idf)
        if tail:
            names, shares = _mix(names, shares, tail)
            familiarity = max(familiarity, max(cosine for _, cosine, _ in tail))
            neighbours = (*_describe(tail), *neighbours)[:5]
        return Prediction(names, shares, 0.0, model.is_known(familiarity), votes, neighbours)

    def _by_lessons(self, features: Any, counts: Any) -> Prediction | None:
        values = counts.astype(np.float64)
        values /= np.linalg.norm(values)
        tail = self._near_lessons(features, values, None)
        if not tail:
            return None
        weights: dict[str, float] = {}
        for project, cosine, lesson in tail:
            weight = lesson.reliability * float(np.exp((cosine - NEAR_ENOUGH) / SHARPNESS))
            weights[project] = weights.get(project, 0.0) + weight
        total = sum(weights.values()) + 1.0
        shares = np.array(list(weights.values())) / total
        known = tail[0][1] >= NEAR_ENOUGH
        return Prediction(list(weights), shares, 1.0 / total, known, Counter(p for p, _, _ in tail), _describe(tail))

    def _near_lessons(self, features: Any, values: Any, idf: Any) -> list[tuple[str, float, Lesson]]:
        """Return the nearest lessons that share anything, as (project, cosine, lesson), nearest first."""
        if not self.lessons:
            return []
        dense = np.zeros(SIZE)
        dense[features] = values
        found = []
        for lesson in self.lessons.values():
            if lesson.project and len(lesson.features):
                weighted = lesson.counts * (idf[lesson.features] if idf is not None else 1.0)
                cosine = float(dense[lesson.features] @ weighted / (np.linalg.norm(weighted) or 1.0))
                if cosine > 0:
                    found.append((lesson.project, cosine, lesson))
        return sorted(found, key=lambda entry: -entry[1])[:NEAREST]


def _mix(names: list[str], shares: Any, tail: list[tuple[str, float, Lesson]]) -> tuple[list[str], Any]:
    """Let near lessons take over from the model, the more the nearer they are: at cosine 1 nearly all."""
    by_name = dict(zip(names, (float(share) for share in shares), strict=True))
    weights: dict[str, float] = {}
    for project, cosine, lesson in tail:
        weights[project] = weights.get(project, 0.0) + lesson.reliability * float(
            np.exp((cosine - 0.5) / SHARPNESS / 2)
        )
    total = sum(weights.values())
    taken = total / (total + 10.0)
    mixed = {name: (1 - taken) * share for name, share in by_name.items()}
    for project, weight in weights.items():
        mixed[project] = mixed.get(project, 0.0) + taken * weight / total
    return list(mixed), np.array(list(mixed.values()))


def _describe(tail: list[tuple[str, float, Lesson]]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"episode": lesson.episode, "project": project, "similarity": round(cosine, 3)}
        for project, cosine, lesson in tail[:5]
    )
