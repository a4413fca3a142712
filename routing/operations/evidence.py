"""The record of a decision (routing.md 2): what explanation, replay, calibration and learning need later, a few kB."""

from typing import Any

from routing.operations.dossier import Dossier
from routing.operations.remembering import STATE
from routing.policy.types import Choice, Ranked, TaskView

SHOWN_TO_PEOPLE = 3


def evidence_of(view: TaskView, choice: Choice, dossier: Dossier, milliseconds: float) -> dict[str, Any]:
    """Return the record: JSON values, whatever the number of candidates; the description only as a digest."""
    return {
        "input": view.as_seen(),
        "policy": {
            "id": dossier.policy.id, "number": dossier.policy.number, "instance": dossier.policy.instance,
        },
        "model": {
            "kind": STATE, "number": dossier.memory.number, "lessons": len(dossier.memory.lessons),
            "encoder": dossier.memory.encoder,
        },
        "candidates": [_weighed(place) for place in choice.ranked],
        "filtered": dict(choice.filtered),
        "threshold": choice.threshold,
        "outcome": choice.outcome,
        "decided_by": choice.decided_by,
        "confidence": choice.confidence,
        "workload": shown_load(choice, dossier),
        "propensity": choice.propensity,
        "ms": {"read": round(dossier.milliseconds, 3), "decide": round(milliseconds, 3)},
        **choice.evidence,
    }  # fmt: skip


def shown_load(choice: Choice, dossier: Dossier) -> dict[str, int]:
    """Return the live leases of the places that people are shown."""
    named = [place.project for place in choice.ranked[:SHOWN_TO_PEOPLE] if place.project]
    return {name: dossier.workload.get(name, 0) for name in named} if dossier.workload else {}


def _weighed(place: Ranked) -> dict[str, Any]:
    return {
        "project": place.project, "instance_id": place.instance, "score": place.score, "factors": place.factors,
        "why": place.why,
    }  # fmt: skip
