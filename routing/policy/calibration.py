"""How sure is sure: the curve that makes a share honest, and how sure Hopper has to be where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from typing import Any

CLOSEST = 1e-6  # shares stay this far from 0 and 1, where log-odds end
ANY = "confidence"  # the name of the threshold for priorities that have none of their own


@dataclass(frozen=True)
class Curve:
    """A line through the log-odds of a share (Platt, 1999); the steeper, the surer."""

    slope: float = 1.0
    intercept: float = 0.0


SAME = Curve()


def calibrate(share: float, curve: Curve) -> float:
    """Return how often a choice with this share is right, by the curve; a larger share is never less sure."""
    if curve == SAME:
        return min(share, 1.0)
    within = min(max(share, CLOSEST), 1 - CLOSEST)
    odds = curve.intercept + curve.slope * log(within / (1 - within))
    return 1 / (1 + exp(-odds)) if odds > 0 else exp(odds) / (1 + exp(odds))


def threshold_of_costs(wrong: float, review: float) -> float:
    """Return the confidence above which a wrong route, times its chance, costs less than a review."""
    return max(0.0, 1 - review / wrong) if wrong > 0 else 0.0


@dataclass(frozen=True)
class Gate:
    """What holds for the destinations of one instance: the curve, and how sure Hopper must be, by priority.

    `own` is said by the instance or one above it, `house` by the GLOBAL one; the policy in force stands between.
    """

    curve: Curve = SAME
    own: Mapping[str, float] = field(default_factory=dict)
    house: Mapping[str, float] = field(default_factory=dict)

    def needed(self, policy: Mapping[str, float], default: float, priority: str) -> float:
        """Return how sure Hopper must be for a task of this priority."""
        for said in (self.own, policy, self.house):
            if said:
                found = said.get(priority, said.get(ANY))
                if found is not None:
                    return found
        return default

    def as_dict(self) -> dict[str, Any]:
        return {"curve": [self.curve.slope, self.curve.intercept], "own": dict(self.own), "house": dict(self.house)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Gate":
        return cls(Curve(*kept["curve"]), kept["own"], kept["house"])


OPEN = Gate()
