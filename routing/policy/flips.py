"""What would have changed a decision: the single changes that flip it, the smallest first. Pure.

Each is tried on the decision's record. How large a change is, is how much of the probability of the place that was
first it moves: what takes away 2 % and flips the choice says more than what takes away 60 %.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from routing.policy.replay import replay_with, verdict_of
from routing.policy.rules import Verdict
from routing.policy.types import Choice, TaskView
from routing.policy.view import PolicyView

MOST_TAGS = 200  # of those that rules look for


@dataclass(frozen=True)
class Flip:
    """A single change, and what would be decided with it; `moved` is its size, 0 to 1."""

    change: str
    outcome: str
    project: str | None
    confidence: float
    moved: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "change": self.change, "outcome": self.outcome, "project": self.project,
            "confidence": round(self.confidence, 4), "moved": round(self.moved, 4),
        }  # fmt: skip


def flips(evidence: Mapping[str, Any], policy: PolicyView, task: TaskView | None) -> list[Flip]:
    """Return the changes that flip the decision, smallest first; rules are tried anew only with the task's text."""
    if "odds" not in evidence:
        return []
    verdict = policy.book.judge(task) if task else verdict_of(evidence)
    now = replay_with(evidence, policy, verdict)
    tried = [*_rules(evidence, policy, verdict, task), *_factors(evidence, policy, verdict)]
    if task:
        tried += _tags(evidence, policy, task)
    found = [_flip(change, now, then) for change, then in tried if _goal(then) != _goal(now)]
    return sorted([*found, *_threshold(now)], key=lambda flip: (flip.moved, flip.change))


def _goal(choice: Choice) -> tuple[str, str | None]:
    return choice.outcome, choice.best.project if choice.best and choice.is_routed else None


def _flip(change: str, now: Choice, then: Choice) -> Flip:
    first = now.best.project if now.best else None
    share = next((place.score for place in then.ranked if place.project == first), 0.0)
    outcome, project = _goal(then)
    was = now.best.score if now.best else 0.0
    return Flip(change, outcome, project, then.confidence, abs(was - share))


def _rules(
    evidence: Mapping[str, Any], policy: PolicyView, verdict: Verdict, task: TaskView | None
) -> Iterator[tuple[str, Choice]]:
    names = {*verdict.forbidden.values(), *(name for hits in verdict.hits.values() for name in hits)}
    for name in sorted(names | ({verdict.review} if verdict.review else set())):
        without = policy.book.judge(task, without=name) if task else _without(verdict, name)
        yield f"without the rule {name!r}", replay_with(evidence, policy, without)


def _without(verdict: Verdict, name: str) -> Verdict:
    """Return the verdict without a rule, where its part in it is known: it alone voted for the place."""
    votes = {place: vote for place, vote in verdict.votes.items() if verdict.hits.get(place) != [name]}
    forbidden = {place: rule for place, rule in verdict.forbidden.items() if rule != name}
    return replace(verdict, votes=votes, forbidden=forbidden, review=None if verdict.review == name else verdict.review)


def _factors(evidence: Mapping[str, Any], policy: PolicyView, verdict: Verdict) -> Iterator[tuple[str, Choice]]:
    for factor in next(iter(evidence["odds"].values())):
        if policy.weight(factor):
            silent = replace(policy, weights={**policy.weights, factor: 0.0})
            yield f"without {factor}", replay_with(evidence, silent, verdict)


def _tags(evidence: Mapping[str, Any], policy: PolicyView, task: TaskView) -> Iterator[tuple[str, Choice]]:
    for tag in task.tags:
        fewer = replace(task, tags=tuple(other for other in task.tags if other != tag))
        yield f"without the tag {tag!r}", replay_with(evidence, policy, policy.book.judge(fewer))
    for tag in policy.book.tags[:MOST_TAGS]:
        if tag not in task.tags:
            more = replace(task, tags=(*task.tags, tag))
            yield f"with the tag {tag!r}", replay_with(evidence, policy, policy.book.judge(more))


def _threshold(now: Choice) -> list[Flip]:
    """Return the threshold that turns the choice into a question, or a doubt into a choice."""
    gap = abs(now.confidence - now.threshold)
    if now.is_routed:
        change = f"with a threshold above {now.confidence:.0%}"
        return [Flip(change, "abstained", None, now.confidence, gap)]
    if now.best and now.evidence["known"] and not now.evidence["review"]:
        change = f"with a threshold of {now.confidence:.0%}"
        return [Flip(change, "routed", now.best.project, now.confidence, gap)]
    return []
