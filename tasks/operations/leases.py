"""Holding a task: exactly one executor, for as long as its lease runs, proven by a fence.

The claim is one guarded UPDATE, so of many claimers one wins on both databases (reliability.md C2). Every
later step names the fence; a stale one matches no row and changes nothing.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hopper.common.db.clock import Now
from hopper.common.errors import Gone, HopperError, Invalid
from hopper.events import operations as log
from tasks.models import Task, TaskClaim

SHORTEST_LEASE = 1
LONGEST_LEASE = 24 * 60 * 60


class TaskNotClaimable(HopperError):
    """The task cannot be claimed as it stands."""

    code = "not_claimable"


class LeaseLost(HopperError):
    """You do not hold this task under that fence: stop working on it and claim anew."""

    code = "lease_lost"


@transaction.atomic
def claim_task(*, task_id: str, owner: str, lease_seconds: int | None = None) -> Task:
    """Take a ready task for execution and return it with its `fence` and `lease_until`.

    :raises TaskNotClaimable: if it is not ready, saying what it waits for
    :raises Gone: if there is no such task
    """
    taken = (
        Task.objects.ready().order_by().filter(pk=task_id)
        .update(
            status=Task.Status.CLAIMED, lease_owner=owner, lease_until=Now() + _lease(lease_seconds),
            fence=F("fence") + 1, attempts=F("attempts") + 1, version=F("version") + 1, updated_at=Now(),
        )
    )  # fmt: skip
    if not taken:
        raise _why_not(task_id)
    task = Task.objects.get(pk=task_id)
    TaskClaim.objects.create(task=task, owner=owner, fence=task.fence, taken_at=task.updated_at)
    log.record_event("task.claimed", task, actor=owner, fence=task.fence)
    return task


@transaction.atomic
def heartbeat_task(*, task_id: str, fence: int, owner: str | None, lease_seconds: int | None = None) -> Task:
    """Renew the lease; heartbeats are no events.

    :raises LeaseLost: if the fence is not the live one
    """
    held = Task.objects.held_with(fence=fence, owner=owner).filter(pk=task_id)
    if not held.update(lease_until=Now() + _lease(lease_seconds)):
        raise LeaseLost
    return Task.objects.get(pk=task_id)


@transaction.atomic
def start_task(*, task_id: str, fence: int | None, owner: str | None, actor: str) -> Task:
    """Begin to work; without a fence the task is claimed for the actor first.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _held(task_id, fence, owner, actor)
    task.move_to(Task.Status.IN_PROGRESS)
    task.started_at = task.started_at or timezone.now()
    return log.save_row(task, kind="task.started", actor=actor, fence=task.fence)


@transaction.atomic
def complete_task(*, task_id: str, fence: int | None, owner: str | None, actor: str, result: Any = None) -> Task:
    """Finish the work, with whatever came of it; an unstarted task is started first.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _held(task_id, fence, owner, actor)
    if task.status == Task.Status.CLAIMED:
        task = start_task(task_id=task.pk, fence=task.fence, owner=None, actor=actor)
    task.move_to(Task.Status.COMPLETED)
    task.result, task.finished_at = result, timezone.now()
    return _let_go(task, "task.completed", actor, why="completed")


@transaction.atomic
def fail_task(*, task_id: str, fence: int | None, owner: str | None, actor: str, reason: str = "") -> Task:
    """Give up the work and say why; somebody may retry it.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _held(task_id, fence, owner, actor)
    if task.status == Task.Status.CLAIMED:
        task = start_task(task_id=task.pk, fence=task.fence, owner=None, actor=actor)
    task.move_to(Task.Status.FAILED)
    task.failure_reason, task.failed_at = reason or None, timezone.now()
    return _let_go(task, "task.failed", actor, why="failed", reason=reason)


@transaction.atomic
def release_task(*, task_id: str, fence: int, owner: str | None, actor: str, reason: str = "") -> Task:
    """Give the task back for others to claim; the attempt does not count.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _held(task_id, fence, owner, actor)
    task.move_to(Task.Status.ROUTED)
    task.fence += 1
    task.attempts = max(0, task.attempts - 1)
    return _let_go(task, "task.released", actor, why="released", reason=reason)


def _lease(seconds: int | None) -> timedelta:
    seconds = settings.LEASE_SECONDS if seconds is None else seconds
    if not SHORTEST_LEASE <= seconds <= LONGEST_LEASE:
        raise Invalid({"lease_seconds": [f"A lease lasts {SHORTEST_LEASE} to {LONGEST_LEASE} seconds."]})
    return timedelta(seconds=seconds)


def _held(task_id: str, fence: int | None, owner: str | None, actor: str) -> Task:
    """Return the task, locked and held; without a fence it is claimed for the actor."""
    if fence is None:
        fence = claim_task(task_id=task_id, owner=owner or actor).fence
    task = Task.objects.select_for_update().held_with(fence=fence, owner=owner).filter(pk=task_id).first()
    if task is None:
        raise LeaseLost
    return task


def _let_go(task: Task, kind: str, actor: str, *, why: str, **payload: Any) -> Task:
    close_claims(task, why=why)
    return log.save_row(task, kind=kind, actor=actor, **payload)


def close_claims(task: Task, *, why: str) -> None:
    """Note that whoever held the task no longer does."""
    task.claims.filter(released_at=None).update(released_at=Now(), why=why)


def _why_not(task_id: str) -> HopperError:
    task = Task.objects.filter(pk=task_id).first()
    if task is None:
        return Gone("There is no such task.")
    if task.status in Task.HELD:
        return TaskNotClaimable("Somebody holds this task already.", status=task.status)
    if task.status != Task.Status.ROUTED:
        return TaskNotClaimable(f"The task is {task.status}; only a routed task can be claimed.", status=task.status)
    if task.attempts >= task.max_attempts:
        return TaskNotClaimable(f"All {task.max_attempts} attempts are used up: retry it after looking into it.")
    if task.defer_until and task.defer_until > timezone.now():
        return TaskNotClaimable(f"The task is deferred until {task.defer_until:%Y-%m-%d %H:%M} UTC.")
    return TaskNotClaimable("The task waits for others to be completed first: see its depends_on.")
