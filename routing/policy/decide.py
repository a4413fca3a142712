"""The decision: filters, factors, pool, choose or abstain. Pure: the same inputs give the same choice.

The pool (ADR 0005). Log-odds of the strategies are added and turned into shares over the candidates that
remain, `elsewhere` being the share of places that are none of them. A rule that votes with strength s takes
the share s for its project and leaves the rest to the other evidence:
`P = S·r + (1 − S)·q` with `S = 1 − Π(1 − s)` over the projects voted for and `r ∝ s/(1 − s)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from routing.policy.matching import Filtered, filter_candidates
from routing.policy.rules import RuleBook, Verdict
from routing.policy.types import Candidate, Choice, Floats, Ranked, Roster, Say, Strategy, TaskView

SHOWN = 20
SUREST_RULE = 0.99
DEFAULT_THRESHOLD = 0.6
DEFAULT_WEIGHTS = {"capability": 1.0, "workload": 0.5, "velocity": 0.5, "boost": 0.5, "learned": 1.0}


@dataclass(frozen=True)
class PolicyView:
    """A policy version as routing sees it; `number` 0 is the built-in one that has no rules."""

    book: RuleBook = field(default_factory=lambda: RuleBook(()))
    weights: Mapping[str, float] = field(default_factory=dict)
    threshold: float = DEFAULT_THRESHOLD
    id: str | None = None
    number: int = 0

    def weight(self, factor: str) -> float:
        return self.weights.get(factor, DEFAULT_WEIGHTS[factor])


@dataclass(frozen=True)
class Belief:
    """Shares over the kept candidates, and what is left for places that are none of them."""

    shares: Floats
    elsewhere: float


def decide(task: TaskView, roster: Roster, policy: PolicyView, strategies: Sequence[Strategy]) -> Choice:
    """Choose a destination for the task, or refuse to guess."""
    if task.project or task.instance:
        return _explicit(task, roster)
    verdict = policy.book.judge(task)
    filtered = filter_candidates(task, roster, verdict)
    if not filtered.kept.any():
        return _nobody(filtered, policy)
    says = [say for strategy in strategies if (say := strategy.weigh(task, roster))]
    belief = _pool(roster, policy, verdict, filtered, says)
    ranked = _rank(roster, belief, filtered, verdict, says)
    return _choose(ranked, belief, policy, verdict, filtered, says, roster)


def _explicit(task: TaskView, roster: Roster) -> Choice:
    """Whoever filed the task said where it goes; that holds if the place takes work."""
    named, instance, why_not = f"instance {task.instance}", task.instance, roster.closed.get(task.instance or "")
    if task.project is not None:
        number = roster.index.get(task.project)
        candidate = Candidate(task.project, inactive="is unknown") if number is None else roster.candidates[number]
        named, instance, why_not = task.project, instance or candidate.instance, candidate.inactive or why_not
    place = Ranked(task.project, instance, 1.0, {"explicit": 1.0}, ["named by the requester"])
    if why_not:
        text = f"The requester named {named}, which {why_not}: choose another place."
        return Choice("abstained", 0.0, text, "explicit", (place,), {why_not: 1})
    return Choice("routed", 1.0, f"The requester named {named}.", "explicit", (place,))


def _nobody(filtered: Filtered, policy: PolicyView) -> Choice:
    reasons = "; ".join(f"{count} {why}" for why, count in filtered.counts.items()) or "there is no project yet"
    text = f"Nobody can take it: {reasons}."
    return Choice("abstained", 0.0, text, "rules", (), filtered.counts, policy.threshold)


def _pool(roster: Roster, policy: PolicyView, verdict: Verdict, filtered: Filtered, says: Sequence[Say]) -> Belief:
    odds = np.zeros(len(roster))
    for say in says:
        odds += policy.weight(say.factor) * say.odds
    learned = _learned(says, policy)
    kept = filtered.kept
    mass = np.where(kept, np.exp(np.clip(odds, -60, 60)), 0.0)
    outside = learned.elsewhere(filtered) if learned else 1.0
    total = mass.sum() + outside
    rest = mass / total
    strengths = np.zeros(len(roster))
    for project, strength in verdict.votes.items():
        number = roster.index.get(project)
        if number is not None and kept[number]:
            strengths[number] = min(strength, SUREST_RULE)
    if not strengths.any():
        return Belief(rest, float(outside / total))
    spoken = 1 - float(np.prod(1 - strengths))
    votes = strengths / (1 - strengths)
    return Belief(spoken * votes / votes.sum() + (1 - spoken) * rest, float((1 - spoken) * outside / total))


@dataclass(frozen=True)
class LearnedSay(Say):
    """What was learned: besides its odds it knows how much belongs to places that are not candidates."""

    outside: float = 0.0
    is_known: bool = True
    neighbours: tuple[dict[str, Any], ...] = ()

    def elsewhere(self, filtered: Filtered) -> float:
        """Return the mass of other places; that of an unfit candidate is dropped: the task cannot be its."""
        return self.outside + float(self.scores[~filtered.kept & ~filtered.unfit].sum())


def _learned(says: Sequence[Say], policy: PolicyView) -> LearnedSay | None:
    """Return what was learned, unless the policy gives it no weight."""
    return next((say for say in says if isinstance(say, LearnedSay) and policy.weight(say.factor)), None)


def _rank(
    roster: Roster, belief: Belief, filtered: Filtered, verdict: Verdict, says: Sequence[Say]
) -> tuple[Ranked, ...]:
    """Return the best 20 with factors and reasons; ties go to the lighter load, then to the name."""
    load = next((-say.scores for say in says if say.factor == "workload"), np.zeros(len(roster)))
    kept = np.flatnonzero(filtered.kept)
    top = sorted(kept[np.argsort(-belief.shares[kept], kind="stable")][: SHOWN * 2], key=lambda n: (
        -round(float(belief.shares[n]), 9), float(load[n]), roster.names[n],
    ))[:SHOWN]  # fmt: skip
    return tuple(_describe(roster, int(number), belief, verdict, says) for number in top)


def _describe(roster: Roster, number: int, belief: Belief, verdict: Verdict, says: Sequence[Say]) -> Ranked:
    candidate = roster.candidates[number]
    factors = {say.factor: float(say.scores[number]) for say in says}
    reasons = [text for say in says if (text := say.reason(number))]
    if candidate.project in verdict.votes:
        factors["rules"] = verdict.votes[candidate.project]
        names = ", ".join(repr(name) for name in verdict.hits[candidate.project])
        reasons.insert(0, f"rule {names} votes for it ({factors['rules']:.2f})")
    return Ranked(candidate.project, candidate.instance, float(belief.shares[number]), factors, reasons)


def _choose(
    ranked: tuple[Ranked, ...], belief: Belief, policy: PolicyView, verdict: Verdict, filtered: Filtered,
    says: Sequence[Say], roster: Roster,
) -> Choice:  # fmt: skip
    best = ranked[0]
    learned = _learned(says, policy)
    number = roster.index[best.project or ""]
    has_evidence = any(say.speaks and say.scores[number] > 0 for say in says) or best.project in verdict.votes
    is_known = has_evidence or (learned is not None and learned.is_known)
    decided_by = _leader(best, ranked, verdict, says, roster, policy)
    why_not = None
    if verdict.review:
        why_not = f"Rule {verdict.review!r} sends it to a person"
    elif not is_known:
        why_not = "It is unlike anything confirmed so far"
    elif best.score < policy.threshold:
        why_not = f"Not sure enough ({best.score:.0%}, {policy.threshold:.0%} is needed)"
    evidence = {
        "known": is_known,
        "elsewhere": round(belief.elsewhere, 4),
        "rules": dict(verdict.hits.items()),
        "neighbours": list(learned.neighbours) if learned else [],
    }
    text = _sentence(ranked, why_not)
    outcome = "abstained" if why_not else "routed"
    return Choice(outcome, min(best.score, 1.0), text, decided_by, ranked, filtered.counts, policy.threshold, evidence)


def _leader(
    best: Ranked, ranked: Sequence[Ranked], verdict: Verdict, says: Sequence[Say], roster: Roster, policy: PolicyView
) -> str:
    """Name the strategy that puts the best most clearly before the runner-up."""
    if verdict.votes.get(best.project or "", 0.0) >= 0.5:
        return "rules"
    first = roster.index[best.project or ""]
    second = roster.index[ranked[1].project or ""] if len(ranked) > 1 else None
    leads = {"capability": 0.0}
    for say in says:
        if say.factor in ("capability", "learned"):
            rival = say.odds[second] if second is not None else 0.0
            leads[say.factor] = policy.weight(say.factor) * float(say.odds[first] - rival)
    return max(leads, key=lambda name: leads[name])


def _sentence(ranked: Sequence[Ranked], why_not: str | None) -> str:
    best = ranked[0]
    because = "; ".join(best.reasons[:3]) or "nothing speaks against it"
    if why_not:
        nearest = ", ".join(f"{place.project} {place.score:.0%}" for place in ranked[:3])
        return f"{why_not}. Nearest: {nearest} ({because})."
    rival = f" Next: {ranked[1].project} {ranked[1].score:.0%}." if len(ranked) > 1 else ""
    return f"{best.project} {best.score:.0%}: {because}.{rival}"
