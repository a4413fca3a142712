"""Fitting the learned model; imported by the refit job only, since scikit-learn and SciPy are large."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from routing.learning.attention import fit_weights
from routing.learning.features import SIZE, Reals
from routing.learning.memory import RECENT, Memory, Said
from routing.learning.model import Arrays, Doubles, Halves, Model, Reading
from routing.learning.pool import EXPERTS, default_weights, measured, weights_of
from routing.learning.recall import Lesson

EACH_ENOUGH = 5  # confirmed examples a place needs, on average, before the linear model helps
PARTS = 5  # of each place's examples, the newest of which is held out
IN_TURN = 10  # parts of few examples, each held out once: those that are left are nearly as many as all
MANY, MANY_EACH = 1000, 20  # examples, and examples of each place, from which on one part is enough to choose by
MOST_IN_TURN = 3000  # beyond which ten fits cost more than they tell
FEWEST_HELD_OUT = 50
GATE_QUANTILE = 0.01
DEFAULT_GATE = 0.1  # the cosine that a text of another world seldom reaches (clinc150 against jira16)
HIGHEST_GATE = 0.4  # a text as near as this to a confirmed one is like it, however alike those are among themselves
LEAST_TRUST = 1e-3  # a place must not lose its last example
MEANING_SCALE = 1.2  # how long a text's meaning is to the linear model, beside its words
MEANING_LOOSENESS, MOST_ROUNDS = 30.0, 200  # C and iterations of the logistic regression on the meaning alone
CLOSE_ENOUGH = 0.02  # the tolerance of the linear model: a quarter less time than at 1e-4, and as often right


@dataclass
class _Batch:
    """Examples as rows: raw counts (N, F), meanings (N, D), and the number of each one's place."""

    examples: Sequence[Lesson]
    projects: NDArray[np.str_]
    encoder: str
    whole: "_Batch | None" = None
    readings: list[Reading] = field(init=False)
    labels: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.readings = [example.reading for example in self.examples]
        self.labels = np.searchsorted(self.projects, [str(one.project) for one in self.examples]).astype(np.int32)

    @property
    def has_linear(self) -> bool:
        """Tell whether examples suffice for the linear model; a part of a batch is treated as the whole is."""
        if self.whole is not None:
            return self.whole.has_linear and len(self.projects) > 1
        return len(self.projects) > 1 and len(self.examples) >= EACH_ENOUGH * len(self.projects)

    def of(self, numbers: NDArray[np.intp]) -> "_Batch":
        """Return the batch of these examples alone."""
        examples = [self.examples[n] for n in numbers]
        projects = np.array(sorted({str(example.project) for example in examples}))
        return _Batch(examples, projects, self.encoder, self)

    @property
    def trust(self) -> Reals:
        return np.array([max(example.reliability, LEAST_TRUST) for example in self.examples], np.float32)

    def counts(self) -> sparse.csr_array:
        starts = np.cumsum([0] + [len(reading.features) for reading in self.readings]).astype(np.int32)
        features = np.concatenate([reading.features for reading in self.readings])
        values = np.concatenate([reading.counts for reading in self.readings])
        return sparse.csr_array((values, features, starts), shape=(len(self.readings), SIZE))

    def meanings(self) -> Reals:
        """Return the vectors, zeros for a text without one; no columns without an encoder."""
        wide = max((len(r.meaning) for r in self.readings if r.meaning is not None), default=0) if self.encoder else 0
        rows = np.zeros((len(self.readings), wide), np.float32)
        for row, reading in zip(rows, self.readings, strict=True):
            if wide and reading.meaning is not None:
                row[:] = reading.meaning
        return rows


def fit(examples: Sequence[Lesson], *, encoder: str = "") -> tuple[Arrays, dict[str, Any]]:
    """Fit the experts on all examples, and the pool's weights and the gate on some that are held out.

    Every example names its project. `encoder` names what made the examples' meanings; without one the model stands on
    the lexical view alone.
    """
    projects = np.array(sorted({str(example.project) for example in examples}))
    batch = _Batch(examples, projects, encoder)
    arrays = _experts(batch)
    arrays.pool, arrays.gate, metrics = _tune(batch)
    return arrays, metrics | {"examples": len(examples), "projects": len(projects), "encoder": encoder}


def _experts(batch: _Batch) -> Arrays:
    raw, meanings = batch.counts(), batch.meanings()
    present = np.bincount(raw.indices, minlength=SIZE)
    idf = (np.log((1 + raw.shape[0]) / (1 + present)) + 1).astype(np.float32)
    unit = _unit(raw, idf)
    linear, bias, linear_meaning = _linear(unit, meanings, batch)
    logistic, logistic_bias = _logistic(meanings, batch)
    columns = unit.tocsc()
    recent = [str(example.project) for example in batch.examples if example.is_feedback][-RECENT:]
    return Arrays(
        projects=batch.projects, idf=idf, linear=linear, bias=bias, centroids=_centroids(unit, batch),
        starts=columns.indptr.astype(np.int32), rows=columns.indices.astype(np.uint16),
        values=columns.data.astype(np.float16), labels=batch.labels,
        reliability=batch.trust,
        episodes=np.array([example.episode for example in batch.examples]), recent=np.array(recent, np.str_),
        encoder=np.array(batch.encoder if meanings.size else ""), vectors=meanings.astype(np.float16),
        linear_meaning=linear_meaning, logistic=logistic, logistic_bias=logistic_bias,
        pool=_defaults(batch), gate=np.array(0.0),
    )  # fmt: skip


def _defaults(batch: _Batch) -> Doubles:
    return weights_of(default_weights(has_linear=batch.has_linear, has_meaning=bool(batch.encoder)))


def _unit(raw: sparse.csr_array, idf: Reals) -> sparse.csr_array:
    """Return the tf-idf rows at length one; worked on in place, as indices must stay 32-bit for scikit-learn."""
    values = raw.data * idf[raw.indices]
    rows = np.repeat(np.arange(raw.shape[0]), np.diff(raw.indptr))
    norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=raw.shape[0]))
    values = values / np.where(norms == 0, 1, norms)[rows]
    return sparse.csr_array((values, raw.indices, raw.indptr), shape=raw.shape)


def _linear(unit: Any, meanings: Reals, batch: _Batch) -> tuple[Halves, Reals, Halves]:
    """Return the weights of the words (F, C), the biases and the weights of the meaning (D, C) of one machine."""
    if not batch.has_linear:
        return np.zeros((0, 0), np.float16), np.zeros(0, np.float32), np.zeros((0, 0), np.float16)
    rows = unit
    if meanings.size:
        rows = sparse.hstack([unit, sparse.csr_array(meanings * MEANING_SCALE)], format="csr")
        rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    machine = LinearSVC(C=1.0, tol=CLOSE_ENOUGH, random_state=0).fit(rows, batch.labels, sample_weight=batch.trust)
    weights, bias = _planes(machine, len(batch.projects))
    columns = np.ascontiguousarray(weights.T, np.float32)
    return (
        columns[:SIZE].astype(np.float16),
        bias.astype(np.float32),
        (columns[SIZE:] * MEANING_SCALE).astype(np.float16),
    )


def _logistic(meanings: Reals, batch: _Batch) -> tuple[Halves, Reals]:
    """Return the weights (D, C) and biases (C) of a logistic regression on the meaning."""
    places = len(batch.projects)
    if not meanings.size or places < 2:
        return np.zeros((meanings.shape[1], places), np.float16), np.zeros(places, np.float32)
    machine = LogisticRegression(C=MEANING_LOOSENESS, max_iter=MOST_ROUNDS)
    with warnings.catch_warnings():  # of few examples for many places, and of a last round that was not the best
        warnings.simplefilter("ignore", UserWarning)
        machine.fit(meanings, batch.labels, sample_weight=batch.trust)
    weights, bias = _planes(machine, places)
    scale = 0.5 if places == 2 else 1.0  # the shares stand on the difference of the planes, which is twice the one
    return np.ascontiguousarray(scale * weights.T, np.float16), (scale * bias).astype(np.float32)


def _planes(machine: LinearSVC | LogisticRegression, places: int) -> tuple[Doubles, Doubles]:
    """Return the weights (C, …) and biases (C) of a machine; scikit-learn keeps one plane for two classes."""
    weights, bias = machine.coef_, machine.intercept_
    if places == 2:
        return np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights, bias


def _centroids(unit: Any, batch: _Batch) -> Halves:
    places, count = len(batch.projects), len(batch.labels)
    one = sparse.csr_array((batch.trust, (batch.labels, np.arange(count))), shape=(places, count))
    sums = (one @ unit).toarray()
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.ascontiguousarray((sums / np.where(norms == 0, 1, norms)).T, np.float16)


def _tune(batch: _Batch) -> tuple[Doubles, Doubles, dict[str, Any]]:
    """Choose the pool's weights by log-loss on examples held out, and the gate that they nearly all pass."""
    told = [answer for held in _parts(batch.labels) for answer in _held_out(batch, held)]
    defaults = _defaults(batch)
    if not told:
        return defaults, np.array(DEFAULT_GATE), {}
    passed = np.quantile([said.familiarity for said, _ in told], GATE_QUANTILE)
    gate = np.array(min(float(passed), HIGHEST_GATE))
    if len(told) < FEWEST_HELD_OUT:
        return defaults, np.minimum(gate, DEFAULT_GATE), {}
    experts, truth, absent = _aligned(told)
    weights = fit_weights(experts, truth, start=defaults, absent=absent)
    return weights, gate, measured(weights, experts, truth, absent)


def _parts(labels: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Return the numbers that are held out together: every example once while there are few, else the newest fifth.

    The newest of each place, as what comes next is more like them than like any by chance: projects drift, and a pool
    that was chosen by its own time would be too sure. Examples come in the order of time.
    """
    count = len(labels)
    sizes = np.bincount(labels)
    if count < max(MANY, min(MANY_EACH * len(sizes), MOST_IN_TURN)):
        order = np.random.default_rng(count).permutation(count)  # by the count alone: the same model for the same
        return [part for part in np.array_split(order, IN_TURN) if len(part)]
    by_place = np.argsort(labels, kind="stable")
    age = np.concatenate([np.arange(size)[::-1] for size in sizes])  # 0 is the newest of its place
    held = np.where(sizes > 1, -(-sizes // PARTS), 0)
    return [np.sort(by_place[age < np.repeat(held, sizes)])]


def _held_out(batch: _Batch, held: NDArray[np.intp]) -> list[tuple[Said, int]]:
    """Return what experts that know only the others say of the held-out examples, and which place is true."""
    kept = batch.of(np.setdiff1d(np.arange(len(batch.examples)), held))
    if len(kept.projects) < 2:
        return []
    trial = Model(_experts(kept))
    memory, places = Memory(trial), {name: n for n, name in enumerate(trial.projects)}
    asked = [batch.examples[n] for n in held.tolist() if str(batch.examples[n].project) in places]
    return [(memory.ask(trial, example.reading), places[str(example.project)]) for example in asked]


def _aligned(told: list[tuple[Said, int]]) -> tuple[Doubles, NDArray[np.intp], Doubles]:
    """Return what was said (n, E, P), the truth (n,), and −60 for a place that a part did not know (n, P), else 0."""
    widest = max(len(said.places) for said, _ in told)
    experts, absent = np.zeros((len(told), len(EXPERTS), widest)), np.full((len(told), widest), -60.0)
    for n, (said, _) in enumerate(told):
        experts[n, :, : len(said.places)] = said.experts
        absent[n, : len(said.places)] = 0.0
    return experts, np.array([place for _, place in told], np.intp), absent
