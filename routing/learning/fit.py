"""Fitting the learned model; imported by the refit job only, since scikit-learn and SciPy are large."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from routing.learning.calibration import calibration_error
from routing.learning.features import SIZE, vectorise
from routing.learning.model import EXPERTS, Arrays, Model, empty_linear

EACH_ENOUGH = 5  # confirmed examples a place needs, on average, before the linear model helps
HELD_OUT = 0.2
FEWEST_HELD_OUT = 50
DEFAULT_POOL = {True: (1.0, 0.4, 0.4), False: (0.0, 0.6, 0.6)}
GATE_QUANTILE = 0.01
DEFAULT_GATE = 0.1  # the cosine that a text of another world seldom reaches (clinc150 against jira16)


@dataclass(frozen=True)
class Example:
    """A task whose true destination is known."""

    text: str
    project: str
    reliability: float
    episode: str


def fit(examples: Sequence[Example]) -> tuple[Arrays, dict[str, Any]]:
    """Fit the experts on all examples, and the pool's weights and the gate on those held out first.

    Which are held out follows from their order alone, so the same examples give the same model.
    """
    projects = np.array(sorted({example.project for example in examples}))
    labels = np.searchsorted(projects, [example.project for example in examples]).astype(np.int32)
    counted = [vectorise(example.text) for example in examples]
    held = np.random.default_rng(len(examples)).random(len(examples)) < HELD_OUT
    has_linear = len(projects) > 1 and len(examples) >= EACH_ENOUGH * len(projects)
    pool, gate, metrics = _tune(examples, projects, labels, counted, held, has_linear)
    arrays = _experts(examples, projects, labels, counted, has_linear)
    arrays.pool, arrays.gate = pool, gate
    return arrays, metrics | {"examples": len(examples), "projects": len(projects)}


def _experts(
    examples: Sequence[Example], projects: NDArray[Any], labels: NDArray[np.int32], counted: list[Any],
    has_linear: bool,
) -> Arrays:  # fmt: skip
    raw = _matrix(counted)
    present = np.bincount(raw.indices, minlength=SIZE)
    idf = (np.log((1 + raw.shape[0]) / (1 + present)) + 1).astype(np.float32)
    unit = _unit(raw, idf)
    places = len(projects)
    linear, bias = _linear(unit, labels, places) if has_linear else empty_linear()
    columns = unit.tocsc()
    return Arrays(
        projects=projects, idf=idf, linear=linear, bias=bias, centroids=_centroids(unit, labels, places),
        starts=columns.indptr.astype(np.int32), rows=columns.indices.astype(np.uint16),
        values=columns.data.astype(np.float16), labels=labels,
        reliability=np.array([example.reliability for example in examples], np.float32),
        episodes=np.array([example.episode for example in examples]),
        pool=np.array(DEFAULT_POOL[has_linear]), gate=np.array(0.0),
    )  # fmt: skip


def _matrix(counted: list[Any]) -> sparse.csr_array:
    starts = np.cumsum([0] + [len(features) for features, _ in counted]).astype(np.int32)
    features = np.concatenate([features for features, _ in counted])
    values = np.concatenate([values for _, values in counted])
    return sparse.csr_array((values, features, starts), shape=(len(counted), SIZE))


def _unit(raw: sparse.csr_array, idf: NDArray[np.float32]) -> sparse.csr_array:
    """Return the tf-idf rows at length one; worked on in place, as indices must stay 32-bit for scikit-learn."""
    values = raw.data * idf[raw.indices]
    rows = np.repeat(np.arange(raw.shape[0]), np.diff(raw.indptr))
    norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=raw.shape[0]))
    values = values / np.where(norms == 0, 1, norms)[rows]
    return sparse.csr_array((values, raw.indices, raw.indptr), shape=raw.shape)


def _linear(unit: Any, labels: NDArray[np.int32], places: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    machine = LinearSVC(C=1.0, random_state=0).fit(unit, labels)
    weights, bias = machine.coef_, machine.intercept_
    if places == 2:  # scikit-learn keeps one plane for two classes
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return np.ascontiguousarray(weights.T, np.float16), bias.astype(np.float32)


def _centroids(unit: Any, labels: NDArray[np.int32], places: int) -> NDArray[np.float16]:
    one = sparse.csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(places, len(labels)))
    sums = (one @ unit).toarray()
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.ascontiguousarray((sums / np.where(norms == 0, 1, norms)).T, np.float16)


def _tune(
    examples: Sequence[Example], projects: NDArray[Any], labels: NDArray[np.int32], counted: list[Any],
    held: NDArray[np.bool_], has_linear: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:  # fmt: skip
    """Choose pool weights by log-loss on the held-out examples, and the gate they nearly all pass."""
    kept = np.flatnonzero(~held)
    seen = np.unique(labels[kept])
    tested = [n for n in np.flatnonzero(held) if labels[n] in seen]
    if not tested:
        return np.array(DEFAULT_POOL[has_linear]), np.array(DEFAULT_GATE), {}
    renumber = np.searchsorted(seen, labels[kept]).astype(np.int32)
    rows, texts = [examples[n] for n in kept.tolist()], [counted[n] for n in kept.tolist()]
    trial = Model(_experts(rows, projects[seen], renumber, texts, has_linear and len(seen) > 1))
    said, known = _ask(trial, [counted[n] for n in tested])
    gate = np.array(np.quantile(known, GATE_QUANTILE))
    if len(tested) < FEWEST_HELD_OUT or len(seen) < 2:
        return np.array(DEFAULT_POOL[has_linear]), np.minimum(gate, DEFAULT_GATE), {}
    truth = np.searchsorted(seen, labels[tested])
    pool = _weights(said, truth, has_linear)
    return pool, gate, _metrics(said, truth, pool)


def _ask(model: Model, counted: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the experts say of each text, shape (n, 3, C), and how familiar it is, shape (n,)."""
    said, known = [], []
    for features, counts in counted:
        values = model.weigh(features, counts)
        near = model.nearest(features, values)
        experts, margin = model.experts(features, values, near)
        said.append(experts)
        known.append(model.familiarity(near, margin))
    return np.stack(said), np.array(known)


def _weights(said: NDArray[np.float64], truth: NDArray[Any], has_linear: bool) -> NDArray[np.float64]:
    start = np.array(DEFAULT_POOL[has_linear])
    bounds = [(0.0, 5.0 if start[n] else 0.0) for n in range(len(EXPERTS))]
    best = minimize(_loss, start, args=(said, truth), bounds=bounds, method="L-BFGS-B")
    return np.asarray(best.x)


def _pooled(weights: NDArray[np.float64], said: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = np.einsum("e,nec->nc", weights, said)
    scores = scores - scores.max(axis=1, keepdims=True)
    shares = np.exp(scores)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _loss(weights: NDArray[np.float64], said: NDArray[np.float64], truth: NDArray[Any]) -> float:
    shares = _pooled(weights, said)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(shares, 1e-12)).mean())


def _metrics(said: NDArray[np.float64], truth: NDArray[Any], pool: NDArray[np.float64]) -> dict[str, Any]:
    shares = _pooled(pool, said)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    return {
        "held_out": len(truth), "accuracy": round(float(right.mean()), 4),
        "ece": round(calibration_error(sure, right), 4),
        "pool": dict(zip(EXPERTS, np.round(pool, 4).tolist(), strict=True)),
        "temperature": round(1 / max(float(pool.sum()), 1e-9), 4),
    }  # fmt: skip
