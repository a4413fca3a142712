"""A task on its way through the tree: it stands elsewhere, or before a person, and whoever held it no longer does."""

from typing import Any

from django.db import transaction

from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from tasks.models import Task, TransitionNotAllowed
from tasks.operations.leases import let_go


@transaction.atomic
def move_task(
    *, task: Task, instance: Instance, project: Project | None, actor: str, **payload: Any
) -> Task:  # fmt: skip
    """Let a routed or held task stand at another instance; a fence of its holder is worth nothing there.

    :raises TransitionNotAllowed: if it is neither routed nor held
    """
    task = log.lock_row(task)
    if task.status not in (Task.Status.ROUTED, *Task.HELD):
        raise TransitionNotAllowed(f"The task is {task.status}; only a routed one goes on.", status=task.status)
    told = {"instance": instance.pk, "came_from": task.instance_id, **payload}
    task.instance, task.project = instance, project
    return let_go(task, "task.moved", actor, why="moved", **told)


@transaction.atomic
def raise_to_person(*, task: Task, instance: Instance | None, reasoning: str, actor: str, **payload: Any) -> Task:
    """Put a routed task before a person, at the instance where one is to decide.

    :raises TransitionNotAllowed: if it is not routed
    """
    task = log.lock_row(task)
    if task.status != Task.Status.ROUTED:
        raise TransitionNotAllowed(f"The task is {task.status}; only a routed one goes back.", status=task.status)
    task.move_to(Task.Status.PENDING)
    told = {"instance": instance.pk if instance else None, **payload}
    task.project, task.instance, task.route_after = None, instance, None
    task.routing_confidence, task.routing_reasoning, task.review_required = 0.0, reasoning, True
    return log.save_row(task, kind="task.review_requested", actor=actor, confidence=0.0, **told)
