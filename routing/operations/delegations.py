"""Handing a task on: an offer from the instance where it is to another, down, up or across the tree.

Locks: the task first, then its hops, so that an answer, an ending and a new offer meet in one order (reliability.md
C6). An offer is one row; which hops are open is the only state, and the database holds one for each source.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from hopper.common.db.retries import atomically
from hopper.common.errors import Invalid
from hopper.events import operations as log
from instances.models import Instance
from instances.scopes import what_keeps
from routing.models import Delegation
from routing.operations.handing import MOST_VISITS, NotDelegated, next_child, offer, visits
from routing.operations.places import Place, places
from tasks import operations as tasks
from tasks.models import Task

MOST_HOPS = 16


@atomically
def delegate_task(
    *, task: Task, actor: str, target: Instance | None = None, delegation_type: str = Delegation.Type.ROUTE,
    reason: str = "", fence: int | None = None, owner: str | None = None,
) -> Delegation | None:  # fmt: skip
    """Offer the task to another instance; whoever holds it, and names the fence, lets it go.

    Without a target an escalation goes to the parent, and a route to the best child. A third visit to an instance is
    no offer: the task goes before a person at the instance above both, and None is returned.

    :raises NotDelegated: if the tree, its scopes, the content or the past of the task forbid it
    :raises LeaseLost: if the fence is not the live one
    """
    task = log.lock_row(task) if fence is None else _let_go(task, fence, owner, actor)
    source_id = _where(task)
    if target is None and delegation_type == Delegation.Type.ROUTE:
        return _offer_to_best(task, places(source_id)[source_id], actor, reason)
    there = target.pk if target else Instance.objects.get(pk=source_id).parent_id
    if there is None or there == source_id:
        raise NotDelegated("The task is there already: name another instance." if target else "Nothing is above it.")
    found = places(source_id, there)
    source, goal = found[source_id], found[there]
    _check_way(source, goal, delegation_type)
    _check_goal(source, goal, actor)
    past = list(Delegation.objects.of_task(task))
    _check_past(past, goal)
    if visits(task, past, goal) >= MOST_VISITS:
        _raise(task, source, goal, actor)
        return None
    return offer(task, source, goal, actor=actor, delegation_type=delegation_type, reason=reason)


def _offer_to_best(task: Task, source: Place, actor: str, reason: str) -> Delegation:
    _check_delegates(source)
    child, _ = next_child(task, source)
    if child is None:
        raise NotDelegated(f"No instance below {source.name} can take it: name the target, or escalate.")
    return offer(task, source, child, actor=actor, reason=reason)


def _where(task: Task) -> str:
    """Return the id of the instance that the task is at."""
    if task.instance_id is None:
        raise NotDelegated("The task is at no instance: route it to one first.")
    if task.status != Task.Status.ROUTED:
        raise NotDelegated(f"The task is {task.status}: only a routed one is handed on, or one whose fence you send.")
    waiting = Delegation.objects.of_task(task).offered().first()
    if waiting:
        raise NotDelegated(f"It is offered to {waiting.target_instance} already: cancel that first.", hop=waiting.pk)
    return task.instance_id


def _check_way(source: Place, goal: Place, delegation_type: str) -> None:
    above = {row.pk for row in source.path[1:]}
    if delegation_type == Delegation.Type.ESCALATE and goal.instance.pk not in above:
        raise NotDelegated(f"{goal.name} is not above {source.name}: escalate upwards, or reassign.")
    if delegation_type not in (Delegation.Type.ROUTE, Delegation.Type.DECOMPOSE):
        return
    _check_delegates(source)
    if goal.instance.parent_id != source.instance.pk:
        raise NotDelegated(f"{goal.name} is not directly below {source.name}: a task goes down level by level.")


def _check_delegates(source: Place) -> None:
    if not source.instance.rules.delegates:
        raise NotDelegated(f"{source.name} is {source.instance.scope}, which executes and never delegates.")


def _check_goal(source: Place, goal: Place, actor: str) -> None:
    if not goal.instance.is_active:
        raise Invalid({"target_instance_id": [f"{goal.name} is {goal.instance.status} and takes no work."]})
    kept = what_keeps(source.path, goal.path)
    if kept is not None:
        raise NotDelegated(f"What came into {kept.name} stays there: it is {kept.scope}.")  # type: ignore[attr-defined]
    if refusal := goal.refusal(sender=actor):
        raise NotDelegated(f"{goal.name} {refusal}.")


def _check_past(past: Sequence[Delegation], goal: Place) -> None:
    for hop in past:
        if hop.target_instance_id == goal.instance.pk and hop.status == Delegation.Status.REJECTED:
            raise NotDelegated(f"{goal.name} has declined it already ({hop.reason_code}): choose another.", hop=hop.pk)
    if sum(hop.is_open for hop in past) >= MOST_HOPS:
        raise NotDelegated(f"The task has gone {MOST_HOPS} levels already: cancel some of them.")


def _raise(task: Task, source: Place, goal: Place, actor: str) -> None:
    """Put the task before a person at the instance above both places; with nothing above both, nowhere."""
    reach = {row.pk for row in goal.path}
    meeting = next((row for row in source.path if row.pk in reach), None)
    why = f"It was at {goal.name} {MOST_VISITS} times already and was handed on each time: say where it belongs."
    tasks.raise_to_person(task=task, instance=meeting, reasoning=why, actor=actor, visited=goal.instance.pk)


def _let_go(task: Task, fence: int, owner: str | None, actor: str) -> Task:
    return tasks.release_task(task_id=task.pk, fence=fence, owner=owner, actor=actor, reason="It is handed on.")


@atomically
def split_task(
    *, task: Task, parts: Sequence[tuple[dict[str, Any], Instance | None]], actor: str, fence: int | None = None,
    owner: str | None = None,
) -> list[Task]:  # fmt: skip
    """Split a task into subtasks and offer each to its instance; one that names none is routed like any task.

    :raises NotDelegated: if an instance is not below, or takes no work
    :raises LeaseLost: if the fence is not the live one
    """
    made = tasks.decompose_task(
        task=task, subtasks=[fields for fields, _ in parts], actor=actor, fence=fence, owner=owner
    )
    whole = Task.objects.get(pk=task.pk)
    for subtask, (_, target) in zip(made, parts, strict=True):
        if target:
            _place_part(subtask, whole, target, actor)
    return made


def _place_part(subtask: Task, whole: Task, target: Instance, actor: str) -> None:
    """Place the part where the whole is, and offer it from there."""
    if whole.instance is None:
        raise NotDelegated("The task is at no instance: its parts cannot be handed down from it.")
    tasks.place_task(
        task=subtask, project=whole.project, instance=whole.instance, confidence=1.0, actor=actor,
        reasoning=f"{actor} split “{whole}” and gave this part to {target}.",
    )  # fmt: skip
    delegate_task(task=subtask, target=target, delegation_type=Delegation.Type.DECOMPOSE, actor=actor)


def change_delegation(*, delegation: Delegation, actor: str, **changes: Any) -> Delegation:
    """Change the reason of a hop, or the expiry of an offer."""
    if not delegation.is_open and changes.keys() - {"reason"}:
        raise NotDelegated(f"The hop is {delegation.status}: only its reason can still be changed.")
    return log.change_row(delegation, kind="delegation.changed", actor=actor, changes=changes)


@transaction.atomic
def delete_delegation(*, delegation: Delegation, actor: str) -> None:
    """Delete a hop that is over; its task says so, as nobody can look the hop up any more.

    :raises NotDelegated: while it is open
    """
    task = log.lock_row(delegation.task)
    if log.lock_row(delegation).is_open:
        raise NotDelegated("The hop is open: cancel it first.")
    log.delete_row(delegation, kind="delegation.deleted", actor=actor)
    log.save_row(task, kind="task.delegation_removed", actor=actor, hop=delegation.pk)
