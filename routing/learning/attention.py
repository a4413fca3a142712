"""Choosing how much each expert counts, by what it said of tasks whose true place is known now."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from routing.learning.model import Doubles, log_softmax
from routing.learning.pool import EXPERTS

HEAVIEST = 10.0
FAITH = 0.02  # how dear a departure from the weights to begin with is, in log-loss a squared step
ENOUGH = 50  # tasks from which on what was said of them outweighs the faith
UNSEEN = 48.0  # lifts a true place that was not among the likeliest to e^-12


def fit_weights(
    said: Doubles, truth: NDArray[Any], *, start: Doubles, faith: float = 0.0, absent: NDArray[Any] | float = 0.0
) -> Doubles:
    """Return the weights of least log-loss over n tasks: said (n, E, P), truth (n,), start (E,).

    `absent` (n, P) is added to the pool's scores. An expert that has said nothing keeps what it had.
    """
    silent = np.ptp(said, axis=2).max(axis=0) == 0
    bounds = [(w, w) if quiet else (0.0, HEAVIEST) for w, quiet in zip(start, silent, strict=True)]
    rows = np.arange(len(truth))

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        logs = log_softmax(np.einsum("e,nep->np", weights, said) + absent)
        off = np.exp(logs)
        off[rows, truth] -= 1
        slope = np.einsum("np,nep->e", off, said) / len(truth)
        away = weights - start
        return -float(logs[rows, truth].mean()) + faith * float(away @ away), slope + 2 * faith * away

    best = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(best.x)


def weights_lately(records: Sequence[tuple[Mapping[str, Any], str]], *, start: Doubles) -> Doubles:
    """Return the weights by what was said of recent tasks, each with its true place, before that was known."""
    widest = max(len(said["places"]) for said, _ in records) + 1
    told, absent = np.zeros((len(records), len(EXPERTS), widest)), np.full((len(records), widest), -60.0)
    truth = np.zeros(len(records), np.intp)
    for n, (said, place) in enumerate(records):
        count = len(said["places"])
        told[n, :, :count] = [said["said"].get(expert, [0.0] * count) for expert in EXPERTS]
        truth[n] = said["places"].index(place) if place in said["places"] else count
        absent[n, :count] = 0.0
        absent[n, truth[n]] += UNSEEN if truth[n] == count else 0.0
    return fit_weights(told, truth, start=start, faith=FAITH * ENOUGH / len(records), absent=absent)
