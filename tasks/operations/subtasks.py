"""Splitting a task: its subtasks are the work, and the last of them completes it."""

from collections.abc import Sequence
from typing import Any

from hopper.common.db.retries import atomically
from hopper.common.errors import Invalid
from hopper.events import operations as log
from instances.models import Instance
from tasks.models import Task, TransitionNotAllowed
from tasks.operations.bulk import create_tasks
from tasks.operations.leases import held_task, let_go


@atomically
def decompose_task(
    *, task: Task, subtasks: Sequence[dict[str, Any]], actor: str, fence: int | None = None, owner: str | None = None
) -> list[Task]:  # fmt: skip
    """Split a routed task, or one held under the fence, and return its new subtasks; the holder lets it go.

    Subtasks inherit requester, priority and due date unless they name their own, and are routed like any task; those
    of a PERSONAL task stay in its instance.

    :raises Invalid: if there are none, or one is wrong
    :raises LeaseLost: if the fence is not the live one
    :raises TransitionNotAllowed: if the task is neither routed nor held
    """
    if not subtasks:
        raise Invalid({"subtasks": ["Name at least one subtask."]})
    locked = log.lock_row(task) if fence is None else held_task(task.pk, fence, owner, actor)
    if fence is None and locked.status != Task.Status.ROUTED:
        raise TransitionNotAllowed(f"The task is {locked.status}: route it first, or send the fence of its holder.")
    inherited: dict[str, Any] = {"requester": locked.requester, "priority": locked.priority, "due_at": locked.due_at}
    if keeper := Instance.objects.keeper_of(locked.instance_id):
        inherited["instance"] = keeper
    made = create_tasks(rows=[{**inherited, **fields, "parent": locked} for fields in subtasks], actor=actor)
    locked.is_decomposed = True
    let_go(locked, "task.decomposed", actor, why="decomposed", subtasks=[subtask.pk for subtask in made])
    return made
