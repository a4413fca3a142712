"""Plain learners on the vectors that Hopper stands on: nearest neighbours, nearest centroid, logistic regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from bench.quality.data import Row

NEAREST = 10
REFITTED_AT = 1.25  # logistic regression learns when its examples have grown by a quarter, as Hopper does
LEARNERS = ("knn", "centroid", "logistic")


def vectors(rows: Sequence[Row], *, with_meaning: bool) -> Any:
    """Return a unit row for each text: its embedding, or its hashed n-grams in Hopper's buckets."""
    from routing.embedding import get_embedder
    from routing.learning.features import SIZE, vectorise

    if with_meaning:
        return get_embedder().embed([f"{row.title}\n{row.description}".strip() for row in rows])
    read = [vectorise(f"{row.title}\n{row.description}") for row in rows]
    starts = np.cumsum([0] + [len(features) for features, _ in read])
    values, features = np.concatenate([v for _, v in read]), np.concatenate([f for f, _ in read])
    return normalize(sparse.csr_matrix((values, features, starts), shape=(len(rows), SIZE)))


def few_shot(train: Any, labels: Sequence[str], test: Any, truth: Sequence[str]) -> dict[str, float]:
    """Return the accuracy in % of each learner that was taught the train rows."""
    return {name: round(100 * float(np.mean(_fitted(name, train, labels).predict(test) == np.array(truth))), 1)
            for name in LEARNERS}  # fmt: skip


def streamed(rows: Any, told: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """Return the accuracy in % of each learner that is told of each row after it has answered.

    Nearest neighbours and centroids know every row before; logistic regression those until its last fit.
    """
    return {name: round(100 * float(np.mean(list(_streamed(name, rows, told, truth)))), 1) for name in LEARNERS}


def _streamed(name: str, rows: Any, told: Sequence[str], truth: Sequence[str]) -> Any:
    grown = REFITTED_AT if name == "logistic" else 1.05  # the others are cheap to refit
    learner, due = None, 20
    for number in range(rows.shape[0]):
        if number >= due and len(set(told[:number])) > 1:
            learner, due = _fitted(name, rows[:number], told[:number]), max(due + 1, int(number * grown))
        yield learner is not None and learner.predict(rows[number : number + 1])[0] == truth[number]


def _fitted(name: str, rows: Any, labels: Sequence[str]) -> Any:
    if name == "knn":
        near = min(NEAREST, rows.shape[0])
        return KNeighborsClassifier(near, weights=_votes, metric="cosine", algorithm="brute").fit(rows, labels)
    if name == "centroid":
        return _Centroids(rows, labels)
    return LogisticRegression(C=10, max_iter=200).fit(rows, labels)


def _votes(distances: Any) -> Any:
    return np.exp(-np.asarray(distances) / 0.05)


class _Centroids:
    """The place whose mean vector is nearest by cosine."""

    def __init__(self, rows: Any, labels: Sequence[str]) -> None:
        self.labels, numbers = np.unique(labels, return_inverse=True)
        one = sparse.csr_matrix((np.ones(len(labels)), (numbers, np.arange(len(labels)))))
        self.means = normalize(one @ rows)

    def predict(self, rows: Any) -> Any:
        near = rows @ self.means.T
        return self.labels[np.asarray(near.todense() if sparse.issparse(near) else near).argmax(axis=1)]
