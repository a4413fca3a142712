"""The learned model: three experts on the lexical view, pooled, with one temperature.

`log P(place) = Σ wₑ · log Pₑ(place) + const`: a log-linear pool (routing.md 4). The experts are nearest
neighbours, class centroids and a linear model; the weights, whose sum is the inverse temperature, are fitted on
held-out examples by log-loss. Everything is NumPy; fitting, which needs scikit-learn, is in `fit.py`.
"""

import io
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.learning.features import SIZE, Ints, Reals

NEAREST = 10
SHARPNESS = 0.05  # a neighbour's vote: r · exp((cos − 1) / 0.05), routing.md 4
COMMONEST = 0.1  # a feature in more than a tenth of the examples tells neighbours nothing (and costs most)
SMOOTHING = 0.1
MARGIN_SCALE = 3.0
CENTROID_SCALE = 20.0
EXPERTS = ("linear", "neighbours", "centroids")

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Near:
    """The nearest examples: their numbers, cosines and votes, each of shape (≤ 10,)."""

    numbers: NDArray[np.intp]
    cosines: Doubles
    votes: Doubles


@dataclass
class Arrays:
    """What a fit leaves behind; F = 32,768 features, C places, N examples, P postings.

    `linear` and `centroids` are (F, C) float16; `starts` (F + 1), `rows` and `values` (P) are the examples by
    feature; `labels`, `reliability` and `episodes` describe the N examples.
    """

    projects: NDArray[np.str_]
    idf: Reals
    linear: NDArray[np.float16]
    bias: Reals
    centroids: NDArray[np.float16]
    starts: NDArray[np.int32]
    rows: NDArray[np.uint16]
    values: NDArray[np.float16]
    labels: NDArray[np.int32]
    reliability: Reals
    episodes: NDArray[np.str_]
    pool: Doubles
    gate: Doubles

    def to_bytes(self) -> bytes:
        """Return the arrays in NumPy's npz format."""
        stream = io.BytesIO()
        np.savez(stream, **vars(self))
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Arrays":
        """Read arrays; objects and so pickles are refused."""
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return cls(**{name: stored[name] for name in cls.__dataclass_fields__})


class Model:
    """A fitted model, ready to predict."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.projects = [str(name) for name in arrays.projects]
        self.has_linear = arrays.linear.size > 0

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        return np.bincount(self.arrays.labels, minlength=len(self.projects))

    def weigh(self, features: Ints, counts: Reals) -> Doubles:
        """Return the unit tf-idf values of a text, shape (n,)."""
        values = counts.astype(np.float64) * self.arrays.idf[features]
        return values / (np.linalg.norm(values) or 1.0)

    def nearest(self, features: Ints, values: Doubles, superseded: Container[str] = ()) -> Near:
        """Return the nearest examples by cosine that share anything, without those of superseded episodes."""
        a = self.arrays
        total = len(a.labels)
        lengths = a.starts[features + 1] - a.starts[features]
        useful = lengths <= max(50, int(COMMONEST * total))
        begins, lengths, weights = a.starts[features][useful], lengths[useful], values[useful]
        ends = np.cumsum(lengths)
        places = np.arange(int(lengths.sum())) + np.repeat(begins - (ends - lengths), lengths)
        shares = a.values[places].astype(np.float64) * np.repeat(weights, lengths)
        cosines: Any = np.bincount(a.rows[places], weights=shares, minlength=total)
        count = min(NEAREST, total)
        top = np.argpartition(-cosines, count - 1)[:count]
        top = top[np.argsort(-cosines[top], kind="stable")]
        top = top[[cosines[n] > 0 and str(a.episodes[n]) not in superseded for n in top]]
        return Near(top, cosines[top], a.reliability[top] * np.exp((cosines[top] - 1) / SHARPNESS))

    def experts(self, features: Ints, values: Doubles, near: Near) -> tuple[Doubles, float]:
        """Return log-shares by expert, shape (3, C), and the largest linear margin."""
        a, places = self.arrays, len(self.projects)
        votes = np.bincount(a.labels[near.numbers], weights=near.votes, minlength=places)
        by_neighbours = (1 - SMOOTHING) * votes / (votes.sum() or 1.0) + SMOOTHING / places
        by_centroid = _log_softmax(CENTROID_SCALE * (values @ a.centroids[features].astype(np.float64)))
        if not self.has_linear:
            return np.stack([np.zeros(places), np.log(by_neighbours), by_centroid]), 0.0
        margins = values @ a.linear[features].astype(np.float64) + a.bias
        return np.stack([_log_softmax(MARGIN_SCALE * margins), np.log(by_neighbours), by_centroid]), float(
            margins.max()
        )

    def shares(self, experts: Doubles) -> Doubles:
        """Return the pooled shares over the places, shape (C,)."""
        return np.exp(_log_softmax(self.arrays.pool @ experts))

    def familiarity(self, near: Near, margin: float) -> float:
        """Return how much the text is like anything confirmed: an absolute score, not a share (routing.md 5)."""
        top = float(near.cosines[0]) if len(near.cosines) else 0.0
        return top + (0.3 * margin if self.has_linear else 0.0)

    def is_known(self, familiarity: float) -> bool:
        """Tell whether the familiarity passes the gate that confirmed examples pass."""
        return familiarity >= float(self.arrays.gate)

    def describe(self, near: Near) -> tuple[dict[str, Any], ...]:
        """Return the nearest examples as evidence."""
        a = self.arrays
        return tuple(
            {"episode": str(a.episodes[n]), "project": self.projects[a.labels[n]], "similarity": round(float(cos), 3)}
            for n, cos in zip(near.numbers[:5], near.cosines[:5], strict=True)
        )


def _log_softmax(scores: Doubles) -> Doubles:
    shifted = scores - scores.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))


def empty_linear() -> tuple[NDArray[np.float16], Reals]:
    """Return the linear part of a model that has none."""
    return np.zeros((0, 0), np.float16), np.zeros(0, np.float32)


__all__ = ["EXPERTS", "SIZE", "Arrays", "Model", "Near", "empty_linear"]
