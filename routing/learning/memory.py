"""What a process remembers: the newest fitted model, and the lessons that came after it.

The fitted model is swapped whole; the lessons since then are a short tail of neighbours that is searched in
full, so that a correction counts for the very next task, long before the next fit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from routing.learning.features import Reals
from routing.learning.model import MARGIN_SCALE, Doubles, Model, Reading, log_softmax
from routing.learning.pool import EXPERTS, pooled, weights_of
from routing.learning.recall import NEAREST, SHARPNESS, Lesson, Near, Recall, Tail

LONGEST_TAIL = 2000
RECENT = 200  # feedbacks that tell which places tasks go to lately
NEAR_ENOUGH = 0.35  # without a fitted model: the cosine at which one neighbour weighs as much as the doubt
NEAR_WORDS, NEAR_MEANING = 0.6, 0.8  # the cosines at which a lesson since the fit outweighs the doubt
SHOWN_PLACES = 20


@dataclass(frozen=True)
class Said:
    """What each expert says of a text: log-shares of shape (E, P), and how familiar the text is."""

    places: list[str]
    experts: Doubles
    familiarity: float
    near: tuple[Near, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """Shares over places, the share of doubt that belongs to none of them, and the evidence.

    `rare` is how often a task belongs to a place that has no example yet, if there is one.
    """

    projects: list[str]
    shares: Doubles
    doubt: float
    is_known: bool
    votes: Counter[str]
    neighbours: tuple[dict[str, Any], ...]
    experts: Mapping[str, Any] = field(default_factory=dict)
    rare: float = 0.0


@dataclass(frozen=True)
class Memory:
    """An immutable snapshot; learning makes a new one.

    `trust` is the reliability of examples whose vote was found right or wrong since the fit, by episode; `attention`
    the weight of each expert where it is not the fit's own.
    """

    model: Model | None = None
    number: int = 0
    lessons: dict[str, Lesson] = field(default_factory=dict)
    trust: dict[str, float] = field(default_factory=dict)
    attention: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_fitted(self) -> bool:
        return self.model is not None

    @property
    def encoder(self) -> str:
        """The name of what made the meanings that were learned, or nothing where words alone were."""
        return self.model.encoder if self.model else ""

    def learn(self, lessons: Iterable[Lesson], trust: Mapping[str, float] | None = None) -> "Memory":
        """Return a memory that knows these lessons too; a later lesson of the same episode replaces it."""
        known, trusted = dict(self.lessons), dict(self.trust)
        for lesson in lessons:
            known.pop(lesson.episode, None)
            known[lesson.episode] = lesson
            trusted.pop(lesson.episode, None)
        kept = dict(list(known.items())[-LONGEST_TAIL:])
        return replace(self, lessons=kept, trust=trusted | dict(trust or {}))

    def predict(self, text: str, meaning: Reals | None = None) -> Prediction | None:
        """Return where tasks like this text belong, or None while nothing is known.

        `meaning` is the text's vector by the encoder that the model was fitted with, where there is one.
        """
        reading = Reading.of(text, meaning)
        if not len(reading.features):
            return None
        if self.model is None:
            return self._by_lessons(reading)
        said = self.ask(self.model, reading)
        shares = pooled(self.weights, said.experts)
        near = said.near[0]
        votes = Counter(self._recall.places[label] for label in self._recall.labels[near.numbers])
        known = self.model.is_known(said.familiarity)
        return Prediction(
            said.places, shares, 0.0, known, votes, self._describe(said.near), _recorded(said, shares),
            self._recall.rare,
        )  # fmt: skip

    def ask(self, model: Model, reading: Reading) -> Said:
        """Return what the experts say; one that has nothing to stand on says the same of every place.

        A place that an expert has not seen gets from it what the neighbours give it: never nothing.
        """
        recall, meaning = self._recall, reading.meaning if model.encoder else None
        values = model.weigh(reading.features, reading.counts)
        shared = recall.by_words(reading, values)
        words, views = recall.nearest(shared), [(shared, NEAR_WORDS)]
        votes = recall.shares(words)
        margins = model.margins(reading.features, values, meaning)
        said = np.zeros((len(EXPERTS), len(recall.places)))
        of = dict(zip(EXPERTS, said, strict=True))
        of["neighbours"][:] = np.log(votes)
        of["centroids"][:] = _spread(model.by_centroid(reading.features, values), votes)
        of["recent"][:] = self._recently
        near: tuple[Near, ...] = (words,)
        if margins is not None:
            of["linear"][:] = _spread(log_softmax(MARGIN_SCALE * margins), votes)
        if meaning is not None:
            views.append((recall.by_meaning(meaning), NEAR_MEANING))
            near = (words, alike := recall.nearest(views[1][0]))
            of["meaning_neighbours"][:] = np.log(recall.shares(alike))
            of["logistic"][:] = _spread(model.by_meaning(meaning), recall.shares(alike))
        if recall.tail.lessons:
            of["lessons"][:] = np.log(recall.of_lessons(views))
        return Said(recall.places, said, _familiarity(near, margins), near)

    @cached_property
    def weights(self) -> Doubles:
        """The attention to each expert, shape (E,)."""
        own = dict(zip(EXPERTS, self.model.arrays.pool.tolist(), strict=True)) if self.model else {}
        return weights_of(own | dict(self.attention))

    @cached_property
    def _recall(self) -> Recall:
        return Recall(cast(Model, self.model), self.lessons, self.trust)

    @cached_property
    def _recently(self) -> Doubles:
        """The log-shares of the places among the latest feedback, shape (P,)."""
        said = [lesson.project for lesson in self.lessons.values() if lesson.is_feedback and lesson.project]
        before = [str(name) for name in self.model.arrays.recent] if self.model else []
        counts = Counter([*before, *said][-RECENT:])
        places = self._recall.places
        return np.log([(counts[place] + 1) / (counts.total() + len(places)) for place in places])

    def _describe(self, views: tuple[Near, ...]) -> tuple[dict[str, Any], ...]:
        """Return who voted, as evidence: the nearest of every view, once each."""
        recall = self._recall
        found: dict[int, dict[str, Any]] = {}
        for near in views:
            for n, cosine in zip(near.numbers.tolist(), near.cosines.tolist(), strict=True):
                place = recall.places[recall.labels[n]]
                found.setdefault(n, {"episode": recall.episode_of(n), "project": place, "similarity": round(cosine, 3)})
        return tuple(sorted(found.values(), key=lambda voter: -voter["similarity"]))

    def _by_lessons(self, reading: Reading) -> Prediction | None:
        """Ask the lessons alone, while there are too few for a fit."""
        tail = Tail(list(self.lessons.values()), None, 0)
        values = reading.counts.astype(np.float64)
        cosines = tail.cosines(reading.features, values / np.linalg.norm(values))
        top = [n for n in np.argsort(-cosines, kind="stable")[:NEAREST].tolist() if cosines[n] > 0]
        if not top:
            return None
        weights: Counter[str] = Counter()
        for n in top:
            lesson = tail.lessons[n]
            trust = self.trust.get(lesson.episode, lesson.reliability)
            weights[str(lesson.project)] += trust * float(np.exp((cosines[n] - NEAR_ENOUGH) / SHARPNESS))
        total = weights.total() + 1.0
        shares = np.array(list(weights.values())) / total
        voters = [(tail.lessons[n], float(cosines[n])) for n in top]
        return Prediction(
            list(weights), shares, 1.0 / total, voters[0][1] >= NEAR_ENOUGH,
            Counter(str(lesson.project) for lesson, _ in voters),
            tuple(
                {"episode": lesson.episode, "project": lesson.project, "similarity": round(cosine, 3)}
                for lesson, cosine in voters
            ),
        )  # fmt: skip


def _spread(logs: Doubles, votes: Doubles) -> Doubles:
    """Return log-shares of all P places from those of the first C; the others keep what the neighbours give them."""
    known = len(logs)
    rest = votes[known:]
    return np.concatenate([logs + np.log1p(-min(float(rest.sum()), 0.99)), np.log(rest)])


def _familiarity(near: tuple[Near, ...], margins: Doubles | None) -> float:
    """Return how much the text is like anything confirmed: an absolute score, not a share (routing.md 5)."""
    top = max((float(view.cosines[0]) for view in near if len(view.cosines)), default=0.0)
    return top + (0.3 * float(margins.max()) if margins is not None else 0.0)


def _recorded(said: Said, shares: Doubles) -> dict[str, Any]:
    """Return what each expert said of the likeliest places, so that the attention can be weighed by it later."""
    top = np.argsort(-shares, kind="stable")[:SHOWN_PLACES]
    return {
        "familiarity": round(said.familiarity, 4),
        "places": [said.places[n] for n in top],
        "said": {name: np.round(said.experts[e, top], 3).tolist() for e, name in enumerate(EXPERTS)},
    }
