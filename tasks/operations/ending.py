"""Ending a task, and what follows: its parent may be done, and those that waited for it are told.

Completion frees; failure and cancellation never do, they raise whoever waits (fail closed). Rows are locked from
the leaf up and then by key, so two that end at once meet in the same order; the last one completes the parent.
"""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from hopper.common.db.graph import reachable_from
from hopper.common.db.retries import atomically
from hopper.events import operations as log
from tasks.models import Task, TaskDependency
from tasks.operations.leases import close_claims, held_task, start_task

HOPPER = "hopper"


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
    branch = reachable_from(task.pk, table=Task._meta.db_table, source="parent_id", target="id")
    for key in sorted(branch, key=lambda key: (-branch[key], key)):
        Task.objects.select_for_update().filter(pk=key).first()
    cancelled = _cancel(log.lock_row(task), actor, reason)
    for subtask in Task.objects.open().filter(pk__in=branch).order_by("pk"):
        _cancel(subtask, actor, reason or "The task above it was cancelled.")
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
    for dependent, kind, is_waiting in _dependents(task):
        _tell(dependent, task, kind, is_waiting=is_waiting, actor=actor)


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
    for status in (Task.Status.CLAIMED, Task.Status.IN_PROGRESS, Task.Status.COMPLETED):
        parent.move_to(status)
    parent.finished_at = timezone.now()
    parent.result = {"subtasks": dict(parent.subtasks.order_by("created_at", "pk").values_list("pk", "result"))}
    log.save_row(parent, kind="task.completed", actor=HOPPER, subtasks=len(parent.result["subtasks"]))
    follow_up(parent, actor=HOPPER)


def _dependents(task: Task) -> list[tuple[Task, str, bool]]:
    """Return the open tasks that waited for this one or for the children of its parent, locked, each with the kind
    of its wait and whether it still waits for anything.
    """
    waits = Q(depends_on=task)
    if task.parent_id:
        waits |= Q(depends_on=task.parent_id, kind=TaskDependency.Kind.WAITS_FOR_CHILDREN)
    kinds = dict(TaskDependency.objects.filter(waits).values_list("task_id", "kind"))
    if not kinds:
        return []
    rows = list(Task.objects.select_for_update().open().filter(pk__in=kinds).order_by("pk"))
    waiting = set(TaskDependency.objects.unmet().filter(task__in=kinds).values_list("task_id", flat=True))
    return [(row, kinds[row.pk], row.pk in waiting) for row in rows]


def _tell(dependent: Task, task: Task, kind: str, *, is_waiting: bool, actor: str) -> None:
    is_contingent = kind == TaskDependency.Kind.CONDITIONAL
    if not is_waiting:
        dependent.freed_at = timezone.now()
        log.save_row(dependent, kind="task.freed", actor=actor, by=task.pk)
    elif is_contingent and task.status == Task.Status.COMPLETED and dependent.status not in Task.HELD:
        cancel_task(task=dependent, actor=actor, reason=f"Not needed: “{task}” was completed.")
    elif task.status == Task.Status.CANCELLED or (task.status == Task.Status.FAILED and not is_contingent):
        log.save_row(dependent, kind="task.blocker_lost", actor=actor, by=task.pk, status=task.status)
