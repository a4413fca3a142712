"""Offers: to whom a task goes next, and what happens when it gets there. The task is locked by whoever calls."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from hopper.common.db.retries import atomically
from hopper.common.errors import HopperError
from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from routing.models import Delegation
from routing.operations.places import Place, complexity, in_order, places
from tasks import operations as tasks
from tasks.models import Task

MOST_VISITS = 2  # a third is ping-pong


class NotDelegated(HopperError):
    """The task cannot be handed on like this."""

    code = "not_delegable"


@atomically
def hand_down(*, task: Task) -> Delegation | None:
    """Offer a placed task to the best child of its instance, if the scope and load of that want it handed down."""
    task = log.lock_row(task)
    if task.status != Task.Status.ROUTED or task.instance is None or task.is_decomposed:
        return None
    here = task.instance.pk
    if not task.instance.rules.delegates or Delegation.objects.of_task(task).offered().exists():
        return None
    source = places(here)[here]
    if source.instance.rules.should_delegate(source.facts(complexity=complexity(task))):
        return offer_next(task, source)
    if not source.instance.rules.executes and source.facts().peer is None:
        stay(task, source)
    return None


def offer_next(
    task: Task, source: Place, *, delegation_type: str = Delegation.Type.ROUTE
) -> Delegation | None:  # fmt: skip
    """Offer the locked task to the best child that is left; None, and it stays, if none is."""
    child, asked = next_child(task, source)
    if child:
        return offer(task, source, child, actor=log.HOPPER, delegation_type=delegation_type)
    stay(task, source, asked=asked)
    return None


def next_child(task: Task, source: Place) -> tuple[Place | None, int]:
    """Return the best child that has neither declined the task nor had it twice, and how many did not want it."""
    rows = Instance.objects.active().children_of(source.instance).values_list("pk", flat=True)
    past = list(Delegation.objects.of_task(task))
    unwilling = {key for hop in past if (key := _unwilling(hop))}
    children = [
        child for child in places(*rows).values()
        if child.instance.pk not in unwilling and visits(task, past, child) < MOST_VISITS
    ]  # fmt: skip
    return next(iter(in_order(children, task)), None), len(unwilling)


def _unwilling(hop: Delegation) -> str | None:
    """Return the id of the instance that showed by this hop that it does not want the task."""
    if hop.delegation_type == Delegation.Type.ESCALATE:
        return hop.source_instance_id
    return hop.target_instance_id if hop.status in Delegation.DECLINED else None


def offer(
    task: Task, source: Place, goal: Place, *, actor: str, delegation_type: str = Delegation.Type.ROUTE,
    reason: str = "",
) -> Delegation:  # fmt: skip
    """Store the offer of the locked task; a goal with `auto_accept` takes it at once."""
    seconds = goal.value("delegation_timeout", settings.OFFER_SECONDS)
    now = timezone.now()
    hop = Delegation(
        task=task, source_instance=source.instance, target_instance=goal.instance, delegation_type=delegation_type,
        reason=reason or None, delegated_at=now, expires_at=now + timedelta(seconds=seconds),
    )  # fmt: skip
    told: dict[str, Any] = {"task": task.pk, "level": source.instance.pk, "target": goal.instance.pk}
    hop = log.create_row(hop, kind="delegation.created", actor=actor, **told)
    # Whoever ended the target meanwhile held its row until now: the foreign key waited, the look above did not.
    if not Instance.objects.active().filter(pk=goal.instance.pk).exists():
        raise NotDelegated(f"{goal.name} takes no work any more: choose another.")
    return take(task, hop, actor=log.HOPPER) if goal.value("auto_accept", False) else hop


def take(task: Task, hop: Delegation, *, actor: str) -> Delegation:
    """Take the locked task to the target of its offer, and further down if that would rather not keep it."""
    hop.move_to(hop.Status.ACCEPTED)
    hop.accepted_at = timezone.now()
    hop = tell(hop, actor)
    close_below(hop, actor, reason="It came back.")
    goal = hop.target_instance
    moved = tasks.move_task(task=task, instance=goal, project=project_at(task, goal), actor=actor, hop=hop.pk)
    hand_down(task=moved)
    return hop


def close_below(hop: Delegation, actor: str, *, reason: str) -> None:
    """Cancel the open hops that lead on from the target of this one, the lowest first."""
    leaving = {row.source_instance_id: row for row in Delegation.objects.of_task(hop.task).open().exclude(pk=hop.pk)}
    chain: list[Delegation] = []
    step = leaving.pop(hop.target_instance_id, None)
    while step:
        chain.append(step)
        step = leaving.pop(step.target_instance_id, None)
    for lower in reversed(chain):
        lower.move_to(lower.Status.CANCELLED)
        tell(lower, actor, reason=reason)


def tell(hop: Delegation, actor: str, **told: Any) -> Delegation:
    """Store the hop and tell the level that it left."""
    kind = f"delegation.{hop.status}"
    told = {"target": hop.target_instance_id, **{name: value for name, value in told.items() if value}}
    return log.save_row(hop, kind=kind, actor=actor, task=hop.task_id, level=hop.source_instance_id, **told)


def project_at(task: Task, goal: Instance) -> Project | None:
    """Return the project that the task belongs to there: the only active one of the instance, or else its own."""
    theirs = list(Project.objects.filter(instance=goal, is_active=True)[:2])
    return theirs[0] if len(theirs) == 1 else task.project


def visits(task: Task, past: Sequence[Delegation], goal: Place) -> int:
    """Return how often the task was at the place: it began there, or was accepted there; `past` are all its hops."""
    began = past[0].source_instance_id if past else task.instance_id
    here = goal.instance.pk
    return (began == here) + sum(hop.target_instance_id == here and hop.accepted_at is not None for hop in past)


def stay(task: Task, source: Place, *, asked: int = 0) -> None:
    """Leave the task where it is, as nobody below takes it; where nothing is executed, a person has to look."""
    why = f"{asked} were asked and did not take it." if asked else ""
    if not source.instance.rules.executes:
        text = f"No instance below {source.name} takes it. {why}".strip()
        tasks.raise_to_person(task=task, instance=source.instance, reasoning=text, actor=log.HOPPER)
    elif why:
        log.save_row(task, kind="task.kept", actor=log.HOPPER, instance=source.instance.pk, reason=why)
