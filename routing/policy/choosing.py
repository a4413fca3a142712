"""Choosing among candidates whose shares are known, or refusing to; with the record of why."""

import hashlib
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from routing.policy.calibration import OPEN, calibrate
from routing.policy.pool import Belief, Case, believe
from routing.policy.types import Choice, Ranked

SHOWN = 20
FORBIDDEN_SHOWN = 5
ADVISERS = {"llm": "llm", "sage": "sage"}
# who a factor decides for
LEADERS = {
    "capability": "capability",
    "learned": "learned",
    "pattern": "learned",
    "history": "learned",
    **ADVISERS,
}
DIGITS = 9  # shares that differ by less are equal


def choose(case: Case) -> Choice:
    """Choose the candidate with the largest share, or abstain; at least one candidate must remain."""
    belief = believe(case)
    numbers, propensity = _drawn(case, belief, _ranking(case, belief))
    ranked = tuple(_describe(case, number, belief) for number in numbers)
    best = ranked[0]
    sure, needed = _gate(case, numbers[0], best.score)
    is_known = _is_known(case, numbers[0])
    why_not = None
    if case.verdict.review:
        why_not = f"Rule {case.verdict.review!r} sends it to a person"
    elif not is_known:
        why_not = "It is unlike anything confirmed so far"
    elif round(sure, DIGITS) < needed:
        why_not = f"Not sure enough ({sure:.0%}, {needed:.0%} is needed)"
    return Choice(
        "abstained" if why_not else "routed", sure, _sentence(ranked, sure, why_not), _leader(case, numbers),
        ranked, case.filtered.counts, needed, _record(case, belief, numbers, is_known),
        tied=tuple(place.project or "" for place in ranked if _is_equal(place.score, best.score)),
        changes=case.verdict.changes, propensity=propensity,
    )  # fmt: skip


def _ranking(case: Case, belief: Belief) -> list[int]:
    """Return the numbers of the best 20; ties go to the lighter load, the given order, and the name."""
    kept = np.flatnonzero(case.filtered.kept)
    load, names = case.load, case.roster.names
    best = kept[np.argsort(-belief.shares[kept], kind="stable")][: SHOWN * 2]
    return [
        int(number)
        for number in sorted(best, key=lambda n: (
            -round(float(belief.shares[n]), DIGITS), float(load[n]), case.order.get(names[n], 0.0), names[n],
        ))
    ][:SHOWN]  # fmt: skip


def _drawn(case: Case, belief: Belief, numbers: list[int]) -> tuple[list[int], float]:
    """Return the ranking with one of the near-equals first, and how likely that was; drawn only where one is sure."""
    shares = belief.shares
    if not case.policy.explore:
        return numbers, 1.0
    near = [number for number in numbers if shares[number] >= shares[numbers[0]] - case.policy.explore]
    near = [number for number in near if operator.ge(*_gate(case, number, float(shares[number])))]
    if len(near) < 2:
        return numbers, 1.0
    drawn = near[int(hashlib.sha256(case.seed.encode()).hexdigest(), 16) % len(near)]
    return [drawn, *(number for number in numbers if number != drawn)], 1 / len(near)


def _gate(case: Case, number: int, share: float) -> tuple[float, float]:
    """Return how sure a share makes Hopper of the candidate, and how sure it must be there."""
    gate = case.roster.candidates[number].gate
    return calibrate(share, gate.curve), case.policy.needed(gate, case.priority)


def _describe(case: Case, number: int, belief: Belief) -> Ranked:
    candidate, verdict = case.roster.candidates[number], case.verdict
    factors = {say.factor: float(say.scores[number]) for say in case.says}
    why = {}
    if candidate.project in verdict.votes:
        factors["rules"] = verdict.votes[candidate.project]
        names = ", ".join(repr(name) for name in verdict.hits[candidate.project])
        why["rules"] = f"rule {names} votes for it ({factors['rules']:.2f})"
    why |= {say.factor: text for say in case.says if (text := say.reason(number))}
    return Ranked(candidate.project, candidate.instance, float(belief.shares[number]), factors, why)


def _is_known(case: Case, number: int) -> bool:
    """Tell whether anything speaks for the candidate, or the task is like something confirmed (the novelty gate)."""
    if case.roster.names[number] in case.verdict.votes:
        return True
    if any(say.speaks and say.scores[number] > 0 for say in case.says):
        return True
    return case.learned is not None and case.learned.is_known


def _leader(case: Case, numbers: Sequence[int]) -> str:
    """Name the strategy that puts the best most clearly before the runner-up; hybrid: an adviser tipped its scale."""
    if case.verdict.votes.get(case.roster.names[numbers[0]], 0.0) >= 0.5:
        return "rules"
    leads = {"capability": 0.0}
    for say in case.says:
        if name := LEADERS.get(say.factor):
            rival = say.odds[numbers[1]] if len(numbers) > 1 else 0.0
            lead = case.policy.weight(say.factor) * float(say.odds[numbers[0]] - rival)
            leads[name] = leads.get(name, 0.0) + lead
    leader = max(leads, key=lambda name: leads[name])
    advised = any(say.factor in ADVISERS and say.scores[numbers[0]] > 0 for say in case.says)
    return "hybrid" if advised and leader not in ADVISERS else leader


def _record(case: Case, belief: Belief, numbers: Sequence[int], is_known: bool) -> dict[str, Any]:
    """Return what the choice stands on, so that it can be explained, and made again (routing.md 2)."""
    shown = np.zeros(len(case.roster), bool)
    shown[numbers] = True
    said = case.said_learned
    missing = {name: case.roster.index.get(name) for name in case.verdict.votes}
    out = {name: "is unknown" if number is None else "was removed"
           for name, number in missing.items() if number is None or not case.filtered.kept[number]}  # fmt: skip
    forbidden = [case.roster.index[name] for name in case.filtered.forbidden]
    best = [case.roster.candidates[number] for number in numbers]
    return {
        "priority": case.priority,
        "known": is_known,
        "elsewhere": round(belief.elsewhere, 4),
        "others": case.others + float(belief.mass[~shown].sum()),
        "speaks": [say.factor for say in case.says if say.speaks],
        "learned": {"outside": said.elsewhere(case.filtered), "known": said.is_known} if said else None,
        "votes": dict(case.verdict.votes),
        "rules": dict(case.verdict.hits),
        "forbidden": dict(case.verdict.forbidden),
        "review": case.verdict.review,
        "changed_by": list(case.verdict.changed_by),
        "neighbours": list(said.neighbours) if said else [],
        "experts": dict(said.experts) if said else {},
        "history": [dict(near) for say in case.says for near in getattr(say, "near", ())],
        "odds": {case.roster.names[n]: case.odds_of(n) for n in (*numbers, *forbidden[:FORBIDDEN_SHOWN])},
        "gates": {place.instance or "": place.gate.as_dict() for place in best if place.gate != OPEN},
        "removed": out | case.filtered.removed,  # more may be removed than are named: those voted for always are
    }


def _sentence(ranked: Sequence[Ranked], sure: float, why_not: str | None) -> str:
    """Return what whoever sees the task may read: no other place is named in it."""
    if why_not:
        return f"{why_not}."
    because = "; ".join(ranked[0].reasons[:3]) or "nothing speaks against it"
    return f"{ranked[0].project} {sure:.0%}: {because}."


def _is_equal(one: float, other: float) -> bool:
    return round(one, DIGITS) == round(other, DIGITS)
