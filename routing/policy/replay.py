"""Making a decision again from its record, under its own policy version or another. Pure, as the decision is.

What is known by name are the twenty best candidates of then and those that a rule forbade; all others keep the
weight they had together. So the same policy gives the same choice, and another the choice among those.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from routing.policy.calibration import OPEN, Gate
from routing.policy.choosing import choose
from routing.policy.matching import Filtered
from routing.policy.pool import LARGEST_ODDS, Case, LearnedSay
from routing.policy.rules import Verdict
from routing.policy.types import Candidate, Changes, Choice, Ranked, Roster, Say, TaskView
from routing.policy.view import PolicyView

BEYOND = -float(LARGEST_ODDS)  # what a voted candidate that was not among the best weighs without the vote


def replay(evidence: Mapping[str, Any], policy: PolicyView, task: TaskView | None = None) -> Choice | None:
    """Decide once more under the policy; None if the record is none of a decision that can be made again.

    With the task its rules are matched anew, else those that matched then count. What a person or the requester
    decided, and what nobody could take, stays as it was: no policy decides there.
    """
    if "odds" not in evidence:
        return _as_it_was(evidence)
    return replay_with(evidence, policy, policy.book.judge(task) if task else verdict_of(evidence))


def replay_with(evidence: Mapping[str, Any], policy: PolicyView, verdict: Verdict) -> Choice:
    """Decide once more from a record that has odds, with this verdict of the rules."""
    odds = _known(evidence, verdict)
    shown = {place["project"]: place for place in evidence["candidates"]}
    roster = Roster([_candidate(name, shown.get(name, {}), evidence) for name in odds])
    kept = np.array([name not in verdict.forbidden for name in odds])
    if not kept.any():
        return Choice("abstained", 0.0, "Nobody can take it: the rules forbid everyone.", "rules",
                      threshold=policy.threshold)  # fmt: skip
    filtered = Filtered(kept, np.zeros(len(roster), bool), dict(evidence["filtered"]), dict(evidence["removed"]),
                        tuple(name for name in odds if name in verdict.forbidden))  # fmt: skip
    order = {name: float(number) for number, name in enumerate(odds)}
    says = list(_says(evidence, odds, shown))
    others, input = evidence["others"], evidence["input"]
    return choose(Case(roster, policy, verdict, filtered, says, others=others, order=order, seed=input["id"],
                       priority=verdict.changes.priority or input["priority"]))  # fmt: skip


def _candidate(name: str, shown: Mapping[str, Any], evidence: Mapping[str, Any]) -> Candidate:
    instance = shown.get("instance_id")
    gate = evidence.get("gates", {}).get(instance or "")
    return Candidate(name, instance, gate=Gate.from_dict(gate) if gate else OPEN)


def verdict_of(evidence: Mapping[str, Any]) -> Verdict:
    """Return what the rules said then."""
    seen, counted = evidence["input"]["priority"], evidence.get("priority")
    changes = Changes(priority=counted if counted != seen else None)
    return Verdict(evidence["votes"], evidence["forbidden"], evidence["review"], evidence["rules"], changes)


def as_seen(evidence: Mapping[str, Any], description: str | None) -> TaskView | None:
    """Return the task as it was seen then, if this is the description that it had."""
    seen = evidence.get("input")
    return TaskView.seen_with(seen, description) if seen else None


def _as_it_was(evidence: Mapping[str, Any]) -> Choice | None:
    if "outcome" not in evidence or "decided_by" not in evidence:
        return None
    best = tuple(
        Ranked(place["project"], place["instance_id"], place["score"], place["factors"], {})
        for place in evidence["candidates"]
    )
    return Choice(
        evidence["outcome"], evidence["confidence"], "", evidence["decided_by"], best, dict(evidence["filtered"]),
        evidence["threshold"],
    )  # fmt: skip


def _known(evidence: Mapping[str, Any], verdict: Verdict) -> dict[str, dict[str, float]]:
    """Return the odds by factor of every candidate that counts, in the order of then.

    A rule may vote for one that was not among the best; it counts unless a filter had removed it.
    """
    known: dict[str, dict[str, float]] = dict(evidence["odds"])
    factors = next(iter(known.values()), {})
    for name in sorted(verdict.votes):
        if name not in known and name not in evidence["removed"]:
            known[name] = dict.fromkeys(factors, BEYOND)
    return known


def _says(evidence: Mapping[str, Any], odds: Mapping[str, Mapping[str, float]], shown: Mapping[str, Any]) -> list[Say]:
    """Return what each strategy said then."""
    said: list[Say] = []
    for factor in next(iter(odds.values())):
        says: dict[str, Any] = {
            "factor": factor, "reason": _reason(list(odds), shown, factor), "speaks": factor in evidence["speaks"],
            "scores": np.array([shown.get(name, {}).get("factors", {}).get(factor, 0.0) for name in odds], float),
            "odds": np.array([place[factor] for place in odds.values()], float),
        }  # fmt: skip
        said.append(_learned(evidence, list(odds), says) if factor == "learned" else Say(**says))
    return said


def _learned(evidence: Mapping[str, Any], names: list[str], says: dict[str, Any]) -> LearnedSay:
    """Return what was learned; the share of a place counts as outside only while it is forbidden.

    The record keeps no scores of forbidden places, but their odds are the logarithms of their shares.
    """
    then = np.array([name in evidence["forbidden"] for name in names])
    told, says["scores"] = evidence["learned"], np.where(then, np.exp(says["odds"]), says["scores"])
    return LearnedSay(
        **says, outside=max(told["outside"] - float(says["scores"][then].sum()), 0.0), is_known=told["known"],
        neighbours=tuple(evidence["neighbours"]), experts=evidence.get("experts", {}),
    )  # fmt: skip


def _reason(names: list[str], shown: Mapping[str, Any], factor: str) -> Callable[[int], str | None]:
    return lambda number: shown.get(names[number], {}).get("why", {}).get(factor)
