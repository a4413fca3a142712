"""Many tasks at once, keeping every constraint and every event."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from tasks.models import Task
from tasks.operations.dependencies import set_dependencies
from tasks.operations.intake import change_task, delete_task, new_task, refuse_depth

LARGEST = 1000
BATCH = 500


@transaction.atomic
def create_tasks(*, rows: Sequence[dict[str, Any]], actor: str) -> list[Task]:
    """Take many tasks in; the sweep routes them.

    :raises Invalid: naming the first row that is wrong; nothing is stored then
    """
    waits = [list(row.get("depends_on", ())) for row in rows]
    tasks = [new_task(actor=actor, **{k: v for k, v in row.items() if k != "depends_on"}) for row in rows]
    for number, task in enumerate(tasks):
        _check(task, number)
    _refuse_known(tasks)
    for parent in {task.parent for task in tasks if task.parent}:
        refuse_depth(parent)
    Task.objects.bulk_create(tasks, batch_size=BATCH)
    log.record_events("task.submitted", tasks, actor=actor, payload=lambda task: {"source": task.source})
    for task, keys in zip(tasks, waits, strict=True):
        if keys:
            set_dependencies(task=task, depends_on=keys)
    return tasks


@transaction.atomic
def update_tasks(*, rows: Sequence[dict[str, Any]], actor: str) -> list[Task]:
    """Change many tasks; each row is `{"id": …, field: value}`.

    :raises Invalid: naming the first row that is wrong; nothing is stored then
    """
    found = Task.objects.in_bulk([row["id"] for row in rows])
    changed = []
    for number, row in enumerate(rows):
        if row["id"] not in found:
            raise Invalid({f"update.{number}.id": ["There is no such task."]})
        changes = {name: value for name, value in row.items() if name != "id"}
        changed.append(change_task(task=found[row["id"]], actor=actor, **changes))
    return changed


@transaction.atomic
def delete_tasks(*, ids: Sequence[str], actor: str) -> list[str]:
    """Delete many tasks.

    :raises Invalid: naming the first id that is unknown; nothing is deleted then
    :raises TaskIsHeld: if somebody works on one of them
    """
    found = Task.objects.in_bulk(ids)
    for number, key in enumerate(ids):
        if key not in found:
            raise Invalid({f"delete.{number}": ["There is no such task."]})
        delete_task(task=found[key], actor=actor)
    return list(ids)


@transaction.atomic
def import_finished_tasks(*, rows: Sequence[dict[str, Any]], actor: str) -> list[Task]:
    """Store work that was done elsewhere: placed and completed, so that Hopper can learn from it.

    Each row names its `project` (a row of `projects`); `finished_at` defaults to now.

    :raises Invalid: naming the first row that is wrong; nothing is stored then
    """
    now = timezone.now()
    tasks = []
    for number, row in enumerate(rows):
        finished = row.get("finished_at") or now
        task = new_task(actor=actor, **{name: value for name, value in row.items() if name != "finished_at"})
        _check(task, number)
        if task.project is None:
            raise Invalid({f"create.{number}.project": ["Name the project that it was done in."]})
        task.instance_id = task.instance_id or task.project.instance_id
        task.status, task.finished_at, task.started_at = Task.Status.COMPLETED, finished, finished
        tasks.append(task)
    _refuse_known(tasks)
    Task.objects.bulk_create(tasks, batch_size=BATCH)
    log.record_events("task.imported", tasks, actor=actor, payload=lambda task: {"project": task.project_id})
    return tasks


def _check(task: Task, number: int) -> None:
    """Check one row without asking the database: foreign rows are given as rows, and keys are checked together."""
    try:
        log.check_row(task, exclude=FOREIGN, unique=False)
    except Invalid as error:
        raise Invalid({f"create.{number}.{name}": texts for name, texts in error.errors.items()}) from error


FOREIGN = ("project", "instance", "parent")


def _refuse_known(tasks: Sequence[Task]) -> None:
    keys = [task.pk for task in tasks]
    twice = len(keys) - len(set(keys))
    known = list(Task.objects.filter(pk__in=keys).values_list("pk", flat=True)[:3]) if not twice else []
    if twice or known:
        which = f"{twice} ids stand twice" if twice else f"already there: {', '.join(known)}"
        raise HopperError(f"Each task needs an id of its own: {which}.", field="id")
