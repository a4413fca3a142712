"""The decision: filters, factors, pool, choose or abstain. Pure: the same inputs give the same choice."""

from collections.abc import Mapping, Sequence

from routing.policy.choosing import choose
from routing.policy.matching import Filtered, filter_candidates
from routing.policy.pool import Case
from routing.policy.rules import Verdict
from routing.policy.types import Candidate, Choice, Ranked, Roster, Strategy, TaskView
from routing.policy.view import PolicyView


def decide(
    task: TaskView, roster: Roster, policy: PolicyView, strategies: Sequence[Strategy],
    *, order: Mapping[str, float] | None = None, quarantined: Mapping[str, str] | None = None,
) -> Choice:  # fmt: skip
    """Choose a destination for the task, or refuse to guess; of equals the first in `order` goes first.

    `quarantined` says why some projects are kept away from such tasks.
    """
    if task.project or (task.instance and not _routes_within(task.instance, roster, policy)):
        return _explicit(task, roster)
    verdict = policy.book.judge(task)
    task = verdict.changes.made_to(task)
    filtered = filter_candidates(task, roster, verdict, quarantined)
    if not filtered.kept.any():
        return _nobody(filtered, policy, verdict)
    says = [say for strategy in strategies if (say := strategy.weigh(task, roster))]
    return choose(
        Case(roster, policy, verdict, filtered, says, order=order or {}, seed=task.id, priority=task.priority)
    )


def _routes_within(instance: str, roster: Roster, policy: PolicyView) -> bool:
    """Tell whether a task that was filed at the instance goes to a project there: it has a policy to say so by."""
    return policy.instance is not None and instance not in roster.closed and bool(roster.below(instance).any())


def _explicit(task: TaskView, roster: Roster) -> Choice:
    """Whoever filed the task said where it goes; that holds if the place takes work."""
    named, instance, why_not = f"instance {task.instance}", task.instance, roster.closed.get(task.instance or "")
    if task.project is not None:
        number = roster.index.get(task.project)
        candidate = Candidate(task.project, inactive="is unknown") if number is None else roster.candidates[number]
        named, instance, why_not = (
            task.project,
            instance or candidate.instance,
            candidate.inactive or candidate.why_closed(task) or why_not,
        )
    place = Ranked(task.project, instance, 1.0, {"explicit": 1.0}, {"explicit": "named by the requester"})
    if why_not:
        text = f"The requester named {named}, which {why_not}: choose another place."
        return Choice("abstained", 0.0, text, "explicit", (place,), {why_not: 1})
    return Choice("routed", 1.0, f"The requester named {named}.", "explicit", (place,))


def _nobody(filtered: Filtered, policy: PolicyView, verdict: Verdict) -> Choice:
    reasons = "; ".join(f"{count} {why}" for why, count in filtered.counts.items()) or "there is no project yet"
    text = f"Nobody can take it: {reasons}."
    record = {"removed": filtered.removed, "changed_by": list(verdict.changed_by)}
    return Choice(
        "abstained", 0.0, text, "rules", (), filtered.counts, policy.threshold, record, changes=verdict.changes
    )
