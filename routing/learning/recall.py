"""Remembering: the confirmed examples that are most like a text, those of the fit and those since it alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.learning.features import SIZE, Ints, Reals
from routing.learning.model import Doubles, Model, Reading

NEAREST = 10
SHARPNESS = 0.05  # a neighbour's vote: r · exp((cos − 1) / 0.05), routing.md 4
SMOOTHING = 0.1
LATE_SHARPNESS = 0.08  # of a lesson since the fit: its vote against the doubt is r · exp((cos − near) / 0.08)


@dataclass(frozen=True)
class Lesson:
    """A confirmed example that came after the fit; `project` None withdraws what the episode taught.

    `is_feedback` tells what was said of a decision from what was imported.
    """

    episode: str
    project: str | None
    reliability: float
    reading: Reading
    is_feedback: bool = True

    @classmethod
    def of(
        cls, *, episode: str, text: str, project: str | None, reliability: float, meaning: Reals | None = None,
        is_feedback: bool = True,
    ) -> "Lesson":  # fmt: skip
        return cls(episode, project, reliability, Reading.of(text, meaning), is_feedback)


@dataclass(frozen=True)
class Near:
    """The nearest examples in one view: their numbers, cosines and votes, each of shape (≤ 10,)."""

    numbers: NDArray[np.intp]
    cosines: Doubles
    votes: Doubles


class Tail:
    """The lessons since the fit as arrays: T lessons, P features."""

    def __init__(self, lessons: Sequence[Lesson], weights: NDArray[Any] | None, dimensions: int) -> None:
        self.lessons = [lesson for lesson in lessons if lesson.project and len(lesson.reading.features)]
        readings = [lesson.reading for lesson in self.lessons]
        sizes = [len(reading.features) for reading in readings]
        self._features: Ints = _joined([reading.features for reading in readings], np.int32)
        counts: Doubles = _joined([reading.counts for reading in readings], np.float64)
        self._rows = np.repeat(np.arange(len(readings)), sizes)
        values = counts if weights is None else counts * weights[self._features]
        norms = np.sqrt(np.bincount(self._rows, values**2, len(readings)))
        self._values = values / np.where(norms == 0, 1, norms)[self._rows]
        self._vectors = np.zeros((len(readings), dimensions), np.float32)
        for number, reading in enumerate(readings):
            if reading.meaning is not None and len(reading.meaning) == dimensions:
                self._vectors[number] = reading.meaning

    def cosines(self, features: Ints, values: Doubles) -> Doubles:
        """Return how much each lesson shares with the text, shape (T,)."""
        dense = np.zeros(SIZE)
        dense[features] = values
        shared = dense[self._features] * self._values
        return np.asarray(np.bincount(self._rows, shared, len(self.lessons)), np.float64)

    def meaning_cosines(self, meaning: Reals) -> Doubles:
        """Return how near each lesson's meaning is, shape (T,)."""
        return np.asarray(self._vectors @ meaning, np.float64)


def _joined(parts: Sequence[Any], kind: type) -> Any:
    return np.concatenate([np.asarray(part, kind) for part in parts]) if parts else np.zeros(0, kind)


class Recall:
    """Every example that may vote: N of the fit that no later lesson supersedes, then T lessons, over P places."""

    def __init__(self, model: Model, lessons: Mapping[str, Lesson], trust: Mapping[str, float]) -> None:
        self._model = model
        self.tail = Tail(list(lessons.values()), model.arrays.idf, model.vectors.shape[1])
        named = [str(lesson.project) for lesson in self.tail.lessons]
        self.places = [*model.projects, *sorted(set(named) - set(model.projects))]
        number = {name: place for place, name in enumerate(self.places)}
        self.labels = np.concatenate([model.arrays.labels, np.array([number[name] for name in named], np.int64)])
        self.trust = np.concatenate([model.arrays.reliability, [lesson.reliability for lesson in self.tail.lessons]])
        late = {lesson.episode: n for n, lesson in enumerate(self.tail.lessons, start=len(model.episodes))}
        for episode, reliability in trust.items():
            place = late.get(episode, model.number_of.get(episode))
            if place is not None:
                self.trust[place] = reliability
        self._alive = np.ones(len(self.labels), bool)
        self._alive[[model.number_of[episode] for episode in lessons if episode in model.number_of]] = False

    @cached_property
    def rare(self) -> float:
        """The share of examples that are the only one of their place: how often a task belongs to a place not seen yet.

        That is the estimate of Good and Turing (I. J. Good, Biometrika 40, 1953).
        """
        counts = np.bincount(self.labels[self._alive])
        return float((counts == 1).sum() / max(counts.sum(), 1))

    def episode_of(self, number: int) -> str:
        """Return the episode of an example."""
        known = self._model.episodes
        return known[number] if number < len(known) else self.tail.lessons[number - len(known)].episode

    def by_words(self, reading: Reading, values: Doubles) -> Doubles:
        """Return the cosine of every example in the lexical view, shape (N + T,)."""
        told = values * (self._model.telling[reading.features] > 0)
        fitted = self._model.cosines(reading.features, values)
        return np.concatenate([fitted, self.tail.cosines(reading.features, told)]) * self._alive

    def by_meaning(self, meaning: Reals) -> Doubles:
        """Return the cosine of every example in meaning, shape (N + T,)."""
        fitted = np.asarray(self._model.vectors @ meaning, np.float64)
        return np.concatenate([fitted, self.tail.meaning_cosines(meaning)]) * self._alive

    def nearest(self, cosines: Doubles) -> Near:
        """Return those that share most with the text, if they share anything."""
        count = min(NEAREST, len(cosines))
        top = np.argpartition(-cosines, count - 1)[:count]
        top = top[np.lexsort((top, -cosines[top]))]
        top = top[cosines[top] > 0]
        return Near(top, cosines[top], self.trust[top] * np.exp((cosines[top] - 1) / SHARPNESS))

    def shares(self, near: Near) -> Doubles:
        """Return the shares of the places by the votes, smoothed, shape (P,)."""
        votes = np.bincount(self.labels[near.numbers], weights=near.votes, minlength=len(self.places))
        return (1 - SMOOTHING) * votes / (votes.sum() or 1.0) + SMOOTHING / len(self.places)

    def of_lessons(self, views: Sequence[tuple[Doubles, float]]) -> Doubles:
        """Return the shares of the places by the lessons since the fit alone, shape (P,).

        `views` are cosines (N + T,), each with the cosine from which on one lesson begins to outweigh the doubt. So
        one that the text hardly differs from speaks loudly, whatever was learned before it.
        """
        known, places = len(self._model.episodes), len(self.places)
        votes = np.zeros(places)
        for cosines, near in views:
            late = cosines[known:]
            top = np.argsort(-late, kind="stable")[:NEAREST]
            top = top[late[top] > 0]
            weights = self.trust[known + top] * np.exp((late[top] - near) / LATE_SHARPNESS)
            votes += np.bincount(self.labels[known + top], weights=weights, minlength=places)
        return (votes + 1 / places) / (votes.sum() + 1)
