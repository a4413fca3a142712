"""What Hopper's confidence is worth: health, reliability, and what a threshold would do before it is saved."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from routing.learning.calibration import Judged, Observation, reliability
from routing.learning.pool import calibration_error
from routing.models import EpisodeJudgement, LearnedState
from routing.operations.calibrating import observe, stand_for
from routing.operations.gates import CALIBRATION, HOUSE, read_gates
from routing.operations.loading import load_knowledge

JUDGED = 500
FEWEST = 50
SURELY = 2.33  # standard errors: by chance once in a hundred looks
STEPS = tuple(step / 20 for step in range(6, 20))


@dataclass(frozen=True)
class Outlook:
    """What is known of the confidence in one scope, for tasks of one priority or of all."""

    scope: str
    priority: str | None
    needed: float
    judged: Judged
    raw: Judged
    curve: dict[str, float]
    scopes: list[dict[str, Any]] = field(default_factory=list)

    def at(self, threshold: float) -> dict[str, Any]:
        """Return coverage and accuracy at a threshold."""
        return self.judged.at(threshold)

    def as_dict(self, wanted: float | None = None) -> dict[str, Any]:
        """Return it as clients and pages read it, with what the wanted threshold would do."""
        count = len(self.judged.shares)
        return {
            "scope": self.scope, "priority": self.priority, "judged": count,
            "accuracy": float(self.judged.right.mean()) if count else None,
            "ece": _error(self.judged), "ece_raw": _error(self.raw), "curve": self.curve,
            "reliability": reliability(self.judged), "in_force": self.at(self.needed),
            "wanted": None if wanted is None else self.at(wanted),
            "thresholds": [self.at(step) for step in STEPS], "scopes": self.scopes,
        }  # fmt: skip


def look_out(*, scope: str = HOUSE, priority: str | None = None) -> Outlook:
    """Compare how sure Hopper was with how often it was right, below an instance or in the whole house."""
    gates = read_gates()
    gate = gates.at(None if scope == HOUSE else scope)
    seen = observe(gates)
    raw = Judged.of([one for one in seen if _concerns(one, scope, priority)], **stand_for(seen))
    policy = load_knowledge().policy
    return Outlook(
        scope=scope, priority=priority, needed=policy.needed(gate, priority or ""), raw=raw,
        judged=raw.through(gate.curve), curve={"slope": gate.curve.slope, "intercept": gate.curve.intercept},
        scopes=_scopes(),
    )  # fmt: skip


def health() -> dict[str, Any]:
    """Return the accuracy of the last 500 judged decisions that Hopper made itself, and whether it has fallen.

    `drift` compares them with the 500 before: it is true if they are worse by more than chance explains.
    """
    rows = EpisodeJudgement.objects.of_own_decisions().values_list("right_project", "episode__chosen_project")
    right = [truth == chosen for truth, chosen in rows[: 2 * JUDGED]]
    now, before = right[:JUDGED], right[JUDGED:]
    return {
        "judged": len(now), "accuracy": _share(now), "before": _share(before), "drift": _has_fallen(now, before),
    }  # fmt: skip


def _has_fallen(now: Sequence[bool], before: Sequence[bool]) -> bool:
    """Compare two shares by the two-proportion z test, one-sided."""
    if min(len(now), len(before)) < FEWEST:
        return False
    fell = sum(before) / len(before) - sum(now) / len(now)
    mean = (sum(now) + sum(before)) / (len(now) + len(before))
    error = sqrt(mean * (1 - mean) * (1 / len(now) + 1 / len(before)))
    return error > 0 and fell / error > SURELY


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None


def _concerns(one: Observation, scope: str, priority: str | None) -> bool:
    return scope in (HOUSE, *one.path) and priority in (None, one.priority)


def _error(judged: Judged) -> float | None:
    return round(calibration_error(judged.shares, judged.right), 4) if len(judged.shares) else None


def _scopes() -> list[dict[str, Any]]:
    """Return the curves in force, that of the whole house first."""
    rows = [
        {**state.metrics, "scope": state.scope, "number": state.number, "created_at": state.created_at}
        for state in LearnedState.objects.in_force(CALIBRATION).defer("arrays")
    ]
    return sorted(rows, key=lambda row: (row["scope"] != HOUSE, -row["judged"], row["scope"]))
