"""Holding a task for as long as its lease runs, proven by a fence: a stale one matches no row and changes nothing."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.db.clock import Now
from hopper.common.errors import HopperError
from hopper.events import operations as log
from tasks.models import Task, TaskClaim
from tasks.operations.claiming import claim_task, heartbeat_of, lease_of


class LeaseLost(HopperError):
    """You do not hold this task under that fence: stop working on it and claim anew."""

    code = "lease_lost"


@transaction.atomic
def heartbeat_task(*, task_id: str, fence: int, owner: str | None, lease_seconds: int | None = None) -> Task:
    """Renew the lease; heartbeats are no events.

    :raises LeaseLost: if the fence is not the live one
    """
    kind = TaskClaim.objects.filter(task=task_id, fence=fence).values_list("executor_type", flat=True).first()
    held, lease = Task.objects.held_with(fence=fence, owner=owner).filter(pk=task_id), lease_of(kind, lease_seconds)
    if not held.update(lease_until=Now() + lease):
        raise LeaseLost
    task = Task.objects.get(pk=task_id)
    task.heartbeat_seconds = heartbeat_of(kind, lease)
    return task


@transaction.atomic
def start_task(*, task_id: str, fence: int | None, owner: str | None, actor: str) -> Task:
    """Begin to work; without a fence the task is claimed for the actor first.

    :raises LeaseLost: if the fence is not the live one
    """
    task = held_task(task_id, fence, owner, actor)
    task.move_to(Task.Status.IN_PROGRESS)
    task.started_at = task.started_at or timezone.now()
    return log.save_row(task, kind="task.started", actor=actor, fence=task.fence)


@transaction.atomic
def release_task(*, task_id: str, fence: int, owner: str | None, actor: str, reason: str = "") -> Task:
    """Give the task back for others to claim; the attempt does not count.

    :raises LeaseLost: if the fence is not the live one
    """
    task = held_task(task_id, fence, owner, actor)
    return let_go(task, "task.released", actor, why="released", reason=reason)


def held_task(task_id: str, fence: int | None, owner: str | None, actor: str) -> Task:
    """Return the task, locked and held; without a fence it is claimed for the actor, a person.

    :raises LeaseLost: if the fence is not the live one
    """
    if fence is None:
        fence = claim_task(task_id=task_id, owner=owner or actor, executor_type="human").fence
    task = Task.objects.select_for_update().held_with(fence=fence, owner=owner).filter(pk=task_id).first()
    if task is None:
        raise LeaseLost
    return task


def let_go(task: Task, kind: str, actor: str, *, why: str, **payload: Any) -> Task:
    """Store the task as routed and held by nobody, if it is held; an attempt that was given back does not count."""
    if task.status in Task.HELD:
        task.move_to(Task.Status.ROUTED)
        task.fence += 1
        task.attempts = max(0, task.attempts - 1)
    close_claims(task, why=why)
    return log.save_row(task, kind=kind, actor=actor, **payload)


def close_claims(task: Task, *, why: str) -> None:
    """Note that whoever held the task no longer does."""
    task.claims.filter(released_at=None).update(released_at=Now(), why=why)
