"""What of a decision may be told to whom: who sees some projects alone is told of no others."""

from collections.abc import Collection, Mapping
from copy import copy
from typing import Any

from routing.models import Decision, Episode

BY_PROJECT = ("votes", "rules", "forbidden", "removed", "odds", "workload")
LISTED = ("candidates", "neighbours", "history")
HIDDEN = ("experts", "gates")  # they speak of all places at once

Among = Collection[str] | None


def may_tell(project: str | None, among: Among) -> bool:
    """Tell whether the project is one of those that may be told of (None: of all)."""
    return among is None or project is None or project in among


def told_by_project(*, found: Mapping[str, Any], among: Among) -> dict[str, Any]:
    """Return the values of those projects that may be told of."""
    return {name: value for name, value in found.items() if may_tell(name, among)}


def told_decision(*, decision: Decision, among: Among) -> Decision:
    """Return the decision as it may be told, which is not to be saved."""
    if among is None:
        return decision
    told = copy(decision)
    told.alternatives = [place for place in decision.alternatives if may_tell(place["project"], among)]
    told.workload_snapshot = told_by_project(found=decision.workload_snapshot, among=among)
    return told


def told_episode(*, episode: Episode, among: Among) -> Episode:
    """Return the episode with so much of its record as may be told; it is not to be saved."""
    if among is None:
        return episode
    told = copy(episode)
    record = {name: value for name, value in episode.decision_factors.items() if name not in HIDDEN}
    record |= {name: told_by_project(found=record[name], among=among) for name in BY_PROJECT if name in record}
    record |= {
        name: [place for place in record[name] if may_tell(place["project"], among)]
        for name in LISTED
        if name in record
    }
    told.decision_factors = record
    return told
