"""The log-linear pool of the experts: `log P(place) = Σ wₑ · log Pₑ(place) + const` (routing.md 4).

The weights are the attention that operators see; their sum is the inverse of a temperature.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.learning.model import Doubles, log_softmax

EXPERTS = ("linear", "neighbours", "centroids", "meaning_neighbours", "logistic", "recent", "lessons")
BINS = 10
WORDS, BOTH = ("neighbours", "centroids"), ("neighbours", "centroids", "meaning_neighbours", "logistic")
TO_BEGIN_WITH: dict[tuple[bool, bool], dict[str, float]] = {  # by whether there is a linear model, and a meaning
    (True, True): {"linear": 1.0} | dict(zip(BOTH, (0.1, 0.2, 0.3, 0.4), strict=True)),
    (True, False): {"linear": 1.0} | dict(zip(WORDS, (0.3, 0.3), strict=True)),
    (False, True): dict(zip(BOTH, (0.1, 0.2, 0.4, 0.8), strict=True)),  # the meaning of a few tells more than words
    (False, False): dict(zip(WORDS, (0.2, 0.9), strict=True)),
}


def default_weights(*, has_linear: bool, has_meaning: bool) -> dict[str, float]:
    """Return the weights to begin with, by what the experts can stand on."""
    return TO_BEGIN_WITH[has_linear, has_meaning] | {"lessons": 1.5}


def weights_of(named: Mapping[str, float]) -> Doubles:
    """Return weights by name in the order of the experts, shape (E,)."""
    return np.array([named.get(expert, 0.0) for expert in EXPERTS])


def pooled(weights: Doubles, said: Doubles) -> Doubles:
    """Return the shares of the places, shape (…, P), from what the experts said, shape (…, E, P)."""
    return np.asarray(np.exp(log_softmax(np.einsum("e,...ep->...p", weights, said))))


def measured(weights: Doubles, said: Doubles, truth: NDArray[Any], absent: Doubles) -> dict[str, Any]:
    """Return how well the pool did on n tasks; `absent` (n, P) is added to its scores."""
    logs = log_softmax(np.einsum("e,nep->np", weights, said) + absent)
    shares = np.exp(logs)
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    return {
        "held_out": len(truth), "accuracy": round(float(right.mean()), 4),
        "ece": round(calibration_error(sure, right), 4),
        "log_loss": round(-float(logs[np.arange(len(truth)), truth].mean()), 4),
        "pool": dict(zip(EXPERTS, np.round(weights, 4).tolist(), strict=True)),
        "temperature": round(1 / max(float(weights.sum()), 1e-9), 4),
    }  # fmt: skip


def calibration_error(sure: Doubles, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over ten equal bins (Naeini et al., 2015)."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(sum(gaps))
