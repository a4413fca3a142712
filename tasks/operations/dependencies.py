"""What waits for what, without circles."""

from collections.abc import Sequence

from django.db import transaction

from hopper.common.db.graph import Edge, graph_lock, reachable
from hopper.common.errors import Invalid
from hopper.events import operations as log
from tasks.models import Task, TaskDependency

# Who waits for whom: a task for what it depends on, and for its own subtasks.
WAITS = (Edge("task_dependencies", "task_id", "depends_on_id"), Edge("tasks", "parent_id", "id"))


@transaction.atomic
def add_dependency(
    *, task: Task, depends_on: Task, actor: str, kind: str = TaskDependency.Kind.BLOCKS,
    quorum: str = TaskDependency.Quorum.ALL,
) -> TaskDependency:  # fmt: skip
    """Let the task wait for another.

    :raises Invalid: if it waits for it already, for itself, or in a circle
    """
    dependency = _link(task, depends_on, kind, quorum)
    log.save_row(log.lock_row(task), kind="task.dependency_added", actor=actor, depends_on=depends_on.pk)
    return dependency


@transaction.atomic
def remove_dependency(*, task: Task, depends_on: Task, actor: str) -> None:
    """Let the task no longer wait for the other; nothing happens if it did not."""
    removed, _ = TaskDependency.objects.filter(task=task, depends_on=depends_on).delete()
    if removed:
        log.save_row(log.lock_row(task), kind="task.dependency_removed", actor=actor, depends_on=depends_on.pk)


@transaction.atomic
def change_dependency(
    *, dependency: TaskDependency, actor: str, task: Task | None = None, depends_on: Task | None = None, **changes: str
) -> TaskDependency:
    """Let another pair wait: the old wait is removed and the new one added.

    :raises Invalid: if the new one stands already or closes a circle
    """
    dependency = log.lock_row(dependency)  # a form has written its wishes into the row it gives
    remove_dependency(task=dependency.task, depends_on=dependency.depends_on, actor=actor)
    return add_dependency(
        task=task or dependency.task, depends_on=depends_on or dependency.depends_on, actor=actor, **changes
    )


@transaction.atomic
def set_dependencies(*, task: Task, depends_on: Sequence[str]) -> bool:
    """Let the task wait for just these tasks, given by id, and tell whether that changed anything.

    It is part of a larger change, which records the event.

    :raises Invalid: if one is unknown, the task itself, or waits for the task
    """
    found = Task.objects.in_bulk(depends_on)
    unknown = [key for key in depends_on if key not in found]
    if unknown:
        raise Invalid({"depends_on": [f"There is no task {key[:60]!r}." for key in unknown]})
    dropped, _ = task.waits_for.exclude(depends_on__in=found).delete()
    added = found.keys() - set(task.waits_for.values_list("depends_on_id", flat=True))
    for key in added:
        _link(task, found[key])
    return bool(dropped or added)


def _link(
    task: Task, depends_on: Task, kind: str = TaskDependency.Kind.BLOCKS, quorum: str = TaskDependency.Quorum.ALL
) -> TaskDependency:
    graph_lock("tasks")  # check-then-insert closes circles without it (reliability.md M4)
    if task.pk in reachable(depends_on.pk, *WAITS):
        raise Invalid({"depends_on": [f"Task {depends_on.pk} waits for this one: neither could ever start."]})
    dependency = TaskDependency(task=task, depends_on=depends_on, kind=kind, quorum=quorum)
    log.check_row(dependency)
    dependency.save(force_insert=True)
    return dependency
