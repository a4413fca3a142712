"""The fitted part of what was learned: linear models and class centroids, on one view of a text or on both.

A text is read as hashed n-grams (the lexical view), and, where a local encoder is configured, as a sentence
embedding (its meaning). Everything here is NumPy; fitting, which needs scikit-learn, is in `fit.py`.
"""

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routing.learning.features import Ints, Reals, vectorise

COMMONEST = 0.1  # a feature in more than a tenth of the examples tells neighbours nothing (and costs most)
FEWEST_COMMON = 50
MARGIN_SCALE = 3.0
CENTROID_SCALE = 20.0

Doubles = NDArray[np.float64]
Halves = NDArray[np.float16]


@dataclass
class Arrays:
    """What a fit leaves behind; F = 32,768 features, D dimensions, C places, N examples, P postings.

    `linear` and `centroids` are (F, C); `starts` (F + 1), `rows` and `values` (P) are the examples by feature;
    `labels`, `reliability` and `episodes` describe the N examples and `recent` the latest feedback. `encoder` names
    what made `vectors` (N, D), `linear_meaning` and `logistic` (D, C), the latter with a bias (C) of its own; without
    one they are empty.
    """

    projects: NDArray[np.str_]
    idf: Reals
    linear: Halves
    bias: Reals
    centroids: Halves
    starts: NDArray[np.int32]
    rows: NDArray[np.uint16]
    values: Halves
    labels: NDArray[np.int32]
    reliability: Reals
    episodes: NDArray[np.str_]
    recent: NDArray[np.str_]
    encoder: NDArray[np.str_]
    vectors: Halves
    linear_meaning: Halves
    logistic: Halves
    logistic_bias: Reals
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


@dataclass(frozen=True)
class Reading:
    """A text in both views: its features (n,) with their counts, and its meaning (D,), a unit vector, if it has one."""

    features: Ints
    counts: Reals
    meaning: Reals | None = None

    @classmethod
    def of(cls, text: str, meaning: Reals | None = None) -> "Reading":
        """Read a text; its first line, the title, counts twice."""
        title = text.partition("\n")[0]
        return cls(*vectorise(f"{title}\n{text}"), meaning if meaning is not None and meaning.any() else None)


class Model:
    """A fitted model, ready to predict."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.projects = [str(name) for name in arrays.projects]
        self.has_linear = arrays.linear.size > 0
        self.encoder = str(arrays.encoder)

    @cached_property
    def episodes(self) -> list[str]:
        """The episodes of the examples, (N,)."""
        return [str(episode) for episode in self.arrays.episodes]

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of the example of each episode."""
        return {episode: number for number, episode in enumerate(self.episodes)}

    @cached_property
    def vectors(self) -> Reals:
        """The meanings of the examples, (N, D), in the width that multiplies fast."""
        return self.arrays.vectors.astype(np.float32)

    @cached_property
    def telling(self) -> Doubles:
        """The weight of every feature to neighbours, (F,): its idf, and 0 for one that too many examples have."""
        lengths = np.diff(self.arrays.starts)
        most = max(FEWEST_COMMON, int(COMMONEST * len(self.arrays.labels)))
        return np.where(lengths <= most, self.arrays.idf, 0.0)

    def weigh(self, features: Ints, counts: Reals) -> Doubles:
        """Return the unit tf-idf values of a text, shape (n,)."""
        values = counts.astype(np.float64) * self.arrays.idf[features]
        return values / (np.linalg.norm(values) or 1.0)

    def cosines(self, features: Ints, values: Doubles) -> Doubles:
        """Return how much each example shares with the text, shape (N,)."""
        a = self.arrays
        useful = self.telling[features] > 0
        begins, weights = a.starts[features][useful], values[useful]
        lengths = a.starts[features + 1][useful] - begins
        ends = np.cumsum(lengths)
        places = np.arange(int(lengths.sum())) + np.repeat(begins - (ends - lengths), lengths)
        shares = a.values[places].astype(np.float64) * np.repeat(weights, lengths)
        return np.asarray(np.bincount(a.rows[places], weights=shares, minlength=len(a.labels)), np.float64)

    def margins(self, features: Ints, values: Doubles, meaning: Reals | None) -> Doubles | None:
        """Return the linear model's margin for every place, shape (C,), or None without one."""
        a = self.arrays
        if not self.has_linear:
            return None
        margins = values @ a.linear[features].astype(np.float64) + a.bias
        if meaning is not None and a.linear_meaning.size:
            margins = margins + meaning @ a.linear_meaning.astype(np.float32)
        return np.asarray(margins)

    def by_centroid(self, features: Ints, values: Doubles) -> Doubles:
        """Return the log-shares of the places by their lexical centroids, shape (C,)."""
        return log_softmax(CENTROID_SCALE * (values @ self.arrays.centroids[features].astype(np.float64)))

    def by_meaning(self, meaning: Reals) -> Doubles:
        """Return the log-shares of the places by logistic regression on the meaning alone, shape (C,)."""
        scores = meaning @ self.arrays.logistic.astype(np.float32) + self.arrays.logistic_bias
        return log_softmax(scores.astype(np.float64))

    def is_known(self, familiarity: float) -> bool:
        """Tell whether the familiarity passes the gate that confirmed examples pass."""
        return familiarity >= float(self.arrays.gate)


def log_softmax(scores: Doubles) -> Doubles:
    """Return the logarithms of the shares that the scores stand for, along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)
