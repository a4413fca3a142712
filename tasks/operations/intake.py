"""Taking tasks in, changing what they say, and deleting them."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from hopper.common.db.graph import MAX_DEPTH, graph_lock, reachable, steps_down, steps_up
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from tasks.deadlines import NEVER
from tasks.models import Task
from tasks.operations.dependencies import WAITS, set_dependencies

BY_VERBS = (
    "Status moves by verbs: POST /api/v1/tasks/{id}/claim, start, complete, fail, block, unblock, release, "
    "retry or cancel."
)


TABLE = Task._meta.db_table


class TaskIsHeld(HopperError):
    """Somebody works on this task: release or cancel it first."""

    code = "task_is_held"


@transaction.atomic
def submit_task(*, actor: str, depends_on: Sequence[str] = (), route: bool = True, **fields: Any) -> Task:
    """Take a task in: it is stored as pending, and routing is rung for once it is committed.

    A `project` that is given is where it will go; `route=False` lets it wait until somebody routes it.
    Unknown fields are a TypeError.

    :raises Invalid: if a field breaks a rule, names a row that is not there, or closes a circle
    """
    task = new_task(actor=actor, **fields)
    if task.parent:
        refuse_depth(task.parent)
    if not route:
        task.route_after = NEVER  # not by itself: somebody has to ask
    kind = "task.submitted" if route else "task.stored"
    log.create_row(task, kind=kind, actor=actor, unique="id" in fields, source=task.source)
    if depends_on:
        set_dependencies(task=task, depends_on=depends_on)
    return task


def new_task(*, actor: str, **fields: Any) -> Task:
    """Return an unsaved, pending task.

    :raises Invalid: if a status other than pending is typed in
    """
    if fields.pop("status", Task.Status.PENDING) != Task.Status.PENDING:
        raise Invalid({"status": [f"A new task is pending. {BY_VERBS}"]})
    fields["requester"] = fields.get("requester") or actor[:100]
    return Task(**fields)


@transaction.atomic
def change_task(*, task: Task, actor: str, depends_on: Sequence[str] | None = None, **changes: Any) -> Task:
    """Change what a task says; where it stands and who holds it is changed by other operations.

    :raises Invalid: if a field breaks a rule, a status is typed in, a routed task is to go elsewhere, or the
        parent closes a circle
    """
    if changes.pop("status", task.status) != task.status:
        raise Invalid({"status": [BY_VERBS]})
    _refuse_move(task, changes)
    if changes.get("parent"):
        graph_lock("tasks")
        _refuse_circle(task, changes["parent"])
        refuse_depth(changes["parent"], task)
    if depends_on is not None and set_dependencies(task=task, depends_on=depends_on):
        task = log.lock_row(task)
        log.save_row(task, kind="task.dependencies_changed", actor=actor, depends_on=sorted(set(depends_on)))
    return log.change_row(task, kind="task.changed", actor=actor, changes=changes)


@transaction.atomic
def delete_task(*, task: Task, actor: str) -> None:
    """Delete a task with its dependencies, mappings, decision and feedback; its episodes and events stay.

    :raises TaskIsHeld: if it is claimed or in progress
    """
    if log.lock_row(task).status in Task.HELD:
        raise TaskIsHeld
    log.delete_row(task, kind="task.deleted", actor=actor)


def _refuse_move(task: Task, changes: dict[str, Any]) -> None:
    places = changes.keys() & {"project", "instance"}
    stored = log.lock_row(task) if places else task  # a form has written its wishes into the row it gives
    for name in places if stored.status != Task.Status.PENDING else ():
        if changes[name] != getattr(stored, name):
            raise Invalid({name: [f"The task is {stored.status}: judge its routing by feedback, or cancel it."]})


def refuse_depth(parent: Task, task: Task | None = None) -> None:
    """Refuse a task below the parent, with what is below itself, if subtasks would nest too deep to be looked at.

    :raises Invalid: naming the parent
    """
    above = steps_up(parent.pk, TABLE)
    below = steps_down(task.pk, TABLE) if task else {}
    if max(above.values()) + 1 + max(below.values(), default=0) >= MAX_DEPTH:
        raise Invalid({"parent": [f"Subtasks would nest deeper than {MAX_DEPTH} levels."]})


def _refuse_circle(task: Task, parent: Task) -> None:
    if parent.pk in reachable(task.pk, *WAITS):
        raise Invalid({"parent": [f"Task {parent.pk} is below this one, or this one waits for it: neither could end."]})
