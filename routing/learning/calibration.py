"""Fitting curves to what was judged, and what a threshold will do; NumPy alone, so that a page may ask too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.policy.calibration import CLOSEST, SAME, Curve, calibrate

BINS = 10
PRIOR = 5.0  # how firmly a curve holds to its parent's: about as firmly as forty judged decisions pull it away
FLATTEST = 0.1
STEPS = 50
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Observation:
    """A judged decision: the share of its best place, whether that was right, and where and how it was made.

    `path` names the instance of that place and those above it.
    """

    share: float
    is_right: bool
    was_routed: bool
    path: tuple[str, ...] = ()
    priority: str = "medium"
    at: datetime | None = None


@dataclass(frozen=True)
class Judged:
    """Judged decisions of one scope as arrays; a weight says for how many, judged or not, each stands."""

    shares: Floats
    right: Flags
    weights: Floats

    @classmethod
    def of(cls, seen: Sequence[Observation], *, routed: float = 1.0, abstained: float = 1.0) -> "Judged":
        return cls(
            np.array([one.share for one in seen], float), np.array([one.is_right for one in seen], bool),
            np.array([routed if one.was_routed else abstained for one in seen], float),
        )  # fmt: skip

    def through(self, curve: Curve) -> "Judged":
        """Return the same with calibrated shares."""
        return Judged(np.array([calibrate(share, curve) for share in self.shares]), self.right, self.weights)

    def at(self, threshold: float) -> dict[str, Any]:
        """Return which share of all is decided at the threshold, and which share of those is right."""
        taken = self.weights * (self.shares >= threshold)
        decided, total = float(taken.sum()), float(self.weights.sum())
        return {
            "threshold": round(threshold, 4),
            "coverage": decided / total if total else None,
            "accuracy": float(taken @ self.right) / decided if decided else None,
        }


def fit_curve(judged: Judged, prior: Curve = SAME) -> Curve:
    """Return the curve that explains best what was right, held near the prior while little was judged (Newton)."""
    within = np.clip(judged.shares, CLOSEST, 1 - CLOSEST)
    seen = np.column_stack([np.log(within / (1 - within)), np.ones(len(within))])
    start = line = np.array([prior.slope, prior.intercept])
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(seen @ line, -30, 30)))
        slope = seen.T @ (said - judged.right) + PRIOR * (line - start)
        bend = (seen.T * (said * (1 - said))) @ seen + PRIOR * np.eye(2)
        step = np.linalg.solve(bend, slope)
        line = line - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return Curve(max(float(line[0]), FLATTEST), float(line[1]))


def reliability(judged: Judged) -> list[dict[str, Any]]:
    """Return for each tenth that is not empty how sure Hopper was there, and how often it was right."""
    tenths = _tenths(judged.shares)
    return [
        {
            "from": tenth / BINS, "to": (tenth + 1) / BINS, "judged": int((tenths == tenth).sum()),
            "sure": float(judged.shares[tenths == tenth].mean()), "right": float(judged.right[tenths == tenth].mean()),
        }
        for tenth in np.unique(tenths).tolist()
    ]  # fmt: skip


def _tenths(shares: Floats) -> NDArray[np.int64]:
    return np.minimum((shares * BINS).astype(int), BINS - 1)
