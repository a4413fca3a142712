"""Ending a task, and what follows: its parent may be done, and those that waited for it are told.

Completion frees; failure and cancellation never do, they raise whoever waits (fail closed). Rows are locked from
the leaf up and then by key, so two that end at once meet in the same order; the last one completes the parent.
"""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from hopper.common.db.graph import steps_down
from hopper.common.db.retries import atomically
from hopper.events import operations as log
from tasks.models import Task, TaskDependency
from tasks.operations.leases import close_claims, held_task, start_task


@atomically
def complete_task(*, task_id: str, fence: int | None, owner: str | None, actor: str, result: Any = None) -> Task:
    """Finish the work, with whatever came of it; an unstarted task is started first.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _started(task_id, fence, owner, actor)
    task.move_to(Task.Status.COMPLETED)
    task.result, task.finished_at = result, timezone.now()
    return _end(task, "task.completed", actor, why="completed")


@atomically
def fail_task(*, task_id: str, fence: int | None, owner: str | None, actor: str, reason: str = "") -> Task:
    """Give up the work and say why; somebody may retry it.

    :raises LeaseLost: if the fence is not the live one
    """
    task = _started(task_id, fence, owner, actor)
    task.move_to(Task.Status.FAILED)
    task.failure_reason, task.failed_at = reason or None, timezone.now()
    return _end(task, "task.failed", actor, why="failed", reason=reason)


@atomically
def cancel_task(*, task: Task, actor: str, reason: str = "") -> Task:
    """End a task that nobody wants any more, with its open subtasks; what waits for it goes on waiting.

    :raises TransitionNotAllowed: if it is over
    """
    branch = steps_down(task.pk, Task._meta.db_table, most=1000)
    for key in sorted(branch, key=lambda key: (-branch[key], key)):
        Task.objects.select_for_update().filter(pk=key).first()
    cancelled = _cancel(log.lock_row(task), actor, reason)
    for subtask in Task.objects.filter(pk__in=branch).order_by("pk"):
        stands = log.lock_row(subtask)  # ending one may have changed the next
        if stands.status in Task.OPEN:
            _cancel(stands, actor, reason or "The task above it was cancelled.")
    return cancelled


def _started(task_id: str, fence: int | None, owner: str | None, actor: str) -> Task:
    task = held_task(task_id, fence, owner, actor)
    if task.status != Task.Status.CLAIMED:
        return task
    return start_task(task_id=task.pk, fence=task.fence, owner=None, actor=actor)


def _cancel(task: Task, actor: str, reason: str) -> Task:
    task.move_to(Task.Status.CANCELLED)
    task.finished_at, task.review_required = timezone.now(), False
    return _end(task, "task.cancelled", actor, why="cancelled", reason=reason)


def _end(task: Task, kind: str, actor: str, *, why: str, **payload: Any) -> Task:
    close_claims(task, why=why)
    ended = log.save_row(task, kind=kind, actor=actor, **payload)
    follow_up(ended, actor=actor)
    return ended


def follow_up(task: Task, *, actor: str) -> None:
    """Tell the parent and the dependents of a task that has just ended."""
    if task.parent_id:
        _tell_parent(task, actor)
    for dependent, is_contingent, is_waiting in _dependents(task):
        stands = log.lock_row(dependent)  # telling the one before may have ended it
        if stands.status in Task.OPEN:
            _tell(stands, task, is_contingent=is_contingent, is_waiting=is_waiting, actor=actor)


def _tell_parent(task: Task, actor: str) -> None:
    parent = Task.objects.select_for_update().filter(pk=task.parent_id, is_decomposed=True).first()
    if parent is None or parent.status not in (Task.Status.ROUTED, Task.Status.BLOCKED):
        return
    if task.status != Task.Status.COMPLETED:
        log.save_row(parent, kind="task.subtask_lost", actor=actor, subtask=task.pk, status=task.status)
    elif parent.status == Task.Status.ROUTED and not parent.subtasks.exclude(status=Task.Status.COMPLETED).exists():
        _complete_decomposed(parent)


def _complete_decomposed(parent: Task) -> None:
    """Complete the task whose last subtask was completed: its work was theirs."""
    results = dict(parent.subtasks.order_by("created_at", "pk").values_list("pk", "result"))
    complete_elsewhere(task=parent, actor=log.HOPPER, result={"subtasks": results}, subtasks=len(results))


@atomically
def complete_elsewhere(*, task: Task, actor: str, result: Any, **payload: Any) -> Task:
    """Finish a routed task that nobody claims here, as its work was done by others: subtasks, or a peer.

    :raises TransitionNotAllowed: if it is not routed
    """
    task = log.lock_row(task)
    for status in (Task.Status.CLAIMED, Task.Status.IN_PROGRESS, Task.Status.COMPLETED):
        task.move_to(status)
    task.result, task.finished_at = result, timezone.now()
    return _end(task, "task.completed", actor, why="completed", **payload)


def _dependents(task: Task) -> list[tuple[Task, bool, bool]]:
    """Return the open tasks that waited for this one or for the children of its parent, locked: each with whether
    it is wanted only if this one fails, and whether it still waits for anything.
    """
    waits = Q(depends_on=task)
    if task.parent_id:
        waits |= Q(depends_on=task.parent_id, kind=TaskDependency.Kind.WAITS_FOR_CHILDREN)
    kinds = set(TaskDependency.objects.filter(waits).values_list("task_id", "kind"))
    keys = {key for key, _ in kinds}
    if not keys:
        return []
    rows = list(Task.objects.select_for_update().open().filter(pk__in=keys).order_by("pk"))
    waiting = set(TaskDependency.objects.unmet().filter(task__in=keys).values_list("task_id", flat=True))
    return [(row, (row.pk, TaskDependency.Kind.CONDITIONAL) in kinds, row.pk in waiting) for row in rows]


def _tell(dependent: Task, task: Task, *, is_contingent: bool, is_waiting: bool, actor: str) -> None:
    """Say what the end of the task means to one that waited: it is free, not needed any more, or has lost it."""
    hoped_for = Task.Status.FAILED if is_contingent else Task.Status.COMPLETED
    if task.status == hoped_for:
        if not is_waiting:
            dependent.freed_at = timezone.now()
            log.save_row(dependent, kind="task.freed", actor=actor, by=task.pk)
    elif is_contingent and task.status == Task.Status.COMPLETED:
        if dependent.status not in Task.HELD:
            cancel_task(task=dependent, actor=actor, reason=f"Not needed: “{task}” was completed.")
    elif is_waiting:
        log.save_row(dependent, kind="task.blocker_lost", actor=actor, by=task.pk, status=task.status)
