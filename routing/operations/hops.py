"""What becomes of an offer: accepted, rejected, taken back, expired, completed. The task is locked before its hops."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.utils import timezone

from hopper.common.db.retries import atomically
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.scopes import what_keeps
from routing.models import Delegation
from routing.operations.handing import NotDelegated, close_below, hand_down, offer_next, project_at, take, tell
from routing.operations.places import places
from tasks import operations as tasks
from tasks.models import Task

LATE = "Nobody answered in time."
CLOSED = "The instance takes no work any more."
AT_ONCE = 200
FALLS_BACK = (Delegation.Type.ROUTE, Delegation.Type.DECOMPOSE)


class OfferExpired(HopperError):
    """The offer has expired: the next candidate is asked."""

    code = "offer_expired"


@atomically
def accept_delegation(*, delegation: Delegation, actor: str) -> Delegation:
    """Take the task to the target; the first answer to an offer counts.

    :raises HopIsOver: if it was answered, taken back or ended before
    :raises OfferExpired: if its time is up
    """
    task, hop = _locked(delegation)
    if hop.status == hop.Status.PENDING and Delegation.objects.unanswerable().filter(pk=hop.pk).exists():
        raise OfferExpired
    _refuse_strangers(hop, actor)
    return take(task, hop, actor=actor)


@atomically
def reject_delegation(
    *, delegation: Delegation, actor: str, reason_code: str = "", reason: str = ""
) -> Delegation:  # fmt: skip
    """Decline an offer, or give an accepted task back, and say why; the next candidate is asked.

    :raises Invalid: if no reason is given
    :raises HopIsOver: if the hop is over
    :raises NotDelegated: if the task has gone on, is held, or may not leave
    """
    if not (reason_code or reason):
        raise Invalid({"reason_code": [f"Say why: one of {', '.join(Delegation.ReasonCode.values)}."]})
    task, hop = _locked(delegation)
    was_accepted = hop.status == hop.Status.ACCEPTED
    hop.move_to(hop.Status.REJECTED)
    _refuse_strangers(hop, actor)
    hop.reason_code, hop.reason = reason_code or Delegation.ReasonCode.OTHER, reason or hop.reason
    if was_accepted:
        task = _take_back(task, hop, actor, held_too=False)
    hop = tell(hop, actor, reason_code=hop.reason_code, reason=reason)
    _ask_the_next(task, hop)
    return hop


@atomically
def cancel_delegation(*, delegation: Delegation, actor: str, reason: str = "") -> Delegation:
    """Let the source take the task back, from wherever below it has gone; whoever holds it there has lost it.

    :raises HopIsOver: if the hop is over
    :raises NotDelegated: if the content may not leave
    """
    task, hop = _locked(delegation)
    was_accepted = hop.status == hop.Status.ACCEPTED
    hop.move_to(hop.Status.CANCELLED)
    hop.reason = reason or hop.reason
    if was_accepted:
        _take_back(task, hop, actor, held_too=True)
    return tell(hop, actor, reason=reason)


@atomically
def complete_delegation(
    *, delegation: Delegation, actor: str, result: Any = None, fence: int | None = None, owner: str | None = None
) -> Delegation:  # fmt: skip
    """Finish the task at the target, which completes this hop and each open one above it.

    :raises HopIsOver: if it was not accepted, or is over
    :raises LeaseLost: if somebody holds the task and the fence is not theirs
    """
    task, hop = _locked(delegation)
    if hop.status != hop.Status.ACCEPTED:
        hop.move_to(hop.Status.COMPLETED)
    _refuse_strangers(hop, actor)
    _refuse_gone_on(task, hop)
    if hop.target_instance.rules.executes:
        tasks.complete_task(task_id=task.pk, fence=fence, owner=owner, actor=actor, result=result)
    else:
        tasks.complete_elsewhere(task=task, actor=actor, result=result)
    return Delegation.objects.get(pk=hop.pk)


def close_hops(*, row: Task, actor: str) -> None:
    """Close every open hop of a task that has ended or left its place, the lowest first; each level is told once."""
    hops = Delegation.objects.select_for_update(of=("self",)).of_task(row).open().in_order()
    for hop in reversed(hops):
        is_done = row.status == Task.Status.COMPLETED and hop.status == hop.Status.ACCEPTED
        hop.move_to(hop.Status.COMPLETED if is_done else hop.Status.CANCELLED)
        if is_done:
            hop.completed_at, hop.result = timezone.now(), _told_upwards(row, hop)
        tell(hop, actor, task_status=row.status)


def settle_delegations() -> dict[str, int]:
    """Expire offers that nobody answered, ask the next, and hand down what waits at GLOBAL; return how many of each."""
    late = list(Delegation.objects.unanswerable().order_by("expires_at")[:AT_ONCE])
    expired = _each(_expire, late)
    waiting = Task.objects.filter(status=Task.Status.ROUTED, instance__scope="GLOBAL", instance__status="active")
    unoffered = waiting.exclude(pk__in=Delegation.objects.offered().values("task"))
    unoffered = unoffered.order_by("created_at", "pk")[:AT_ONCE]
    return {"expired": expired, "handed_down": _each(lambda task: hand_down(task=task), unoffered)}


def _each(step: Callable[[Any], Any], rows: Iterable[Any]) -> int:
    """Take the step for each row and return how many it was done for; what moved meanwhile waits for the next sweep."""
    done = 0
    for row in rows:
        with suppress(HopperError):
            done += bool(step(row))
    return done


@atomically
def _expire(delegation: Delegation) -> bool:
    task, hop = _locked(delegation)
    if not Delegation.objects.unanswerable().filter(pk=hop.pk).exists():
        return False
    hop.move_to(hop.Status.EXPIRED)
    hop = tell(hop, log.HOPPER, reason=LATE if hop.target_instance.is_active else CLOSED)
    _ask_the_next(task, hop)
    return True


def _locked(delegation: Delegation) -> tuple[Task, Delegation]:
    task = log.lock_row(delegation.task)
    return task, log.lock_row(delegation)


def _ask_the_next(task: Task, hop: Delegation) -> None:
    if hop.delegation_type in FALLS_BACK and task.status == Task.Status.ROUTED:
        source = places(hop.source_instance_id)[hop.source_instance_id]
        if source.value("auto_delegate", True):
            offer_next(task, source, delegation_type=hop.delegation_type)


def _take_back(task: Task, hop: Delegation, actor: str, *, held_too: bool) -> Task:
    """Return the task to the source of an accepted hop, closing what was handed on from its target."""
    if not held_too:
        _refuse_gone_on(task, hop)
        if task.status in Task.HELD:
            raise NotDelegated("Somebody holds the task: release it first.")
    _refuse_leak(hop)
    close_below(hop, actor, reason="It was taken back from above.")
    source = hop.source_instance
    return tasks.move_task(task=task, instance=source, project=project_at(task, source), actor=actor, hop=hop.pk)


def _refuse_gone_on(task: Task, hop: Delegation) -> None:
    if task.instance_id != hop.target_instance_id:
        raise NotDelegated(f"The task has gone on from {hop.target_instance} to {task.instance}: answer there.")


def _refuse_strangers(hop: Delegation, actor: str) -> None:
    """Let only the people of a PERSONAL or FAMILY instance answer for it."""
    goal = hop.target_instance
    if actor != log.HOPPER and not goal.rules.may_be_held_by(actor, goal.facts(now=timezone.now())):
        raise NotDelegated(f"Only the people of {goal} answer for it.")


def _keeper(hop: Delegation) -> Any:
    """Return the instance whose content may not go back over the hop, or None if it may."""
    found = places(hop.source_instance_id, hop.target_instance_id)
    return what_keeps(found[hop.target_instance_id].path, found[hop.source_instance_id].path)


def _refuse_leak(hop: Delegation) -> None:
    kept = _keeper(hop)
    if kept is not None:
        raise NotDelegated(f"What came into {kept.name} stays there: complete or cancel it.")


def _told_upwards(task: Task, hop: Delegation) -> Any:
    """Return the result as the level above may know it: nothing of what a PERSONAL instance keeps."""
    return None if task.result is None or _keeper(hop) else task.result
