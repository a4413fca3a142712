"""Moves that no lease is needed for: placing, holding for review, parking, retrying."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from tasks.models import Task, TransitionNotAllowed
from tasks.operations.claiming import claim_for_project
from tasks.operations.leases import close_claims


@transaction.atomic
def place_task(
    *, task: Task, project: Project | None, instance: Instance | None, confidence: float, reasoning: str, actor: str,
    changes: Mapping[str, Any] | None = None, **payload: Any,
) -> Task:  # fmt: skip
    """Give the task its destination and mark it routed; a project with `auto_claim` takes it at once.

    `changes` are fields that are set on the way.

    :raises TransitionNotAllowed: if the task is past routing
    """
    task = _stands(log.lock_row(task), Task.Status.PENDING)
    task.move_to(Task.Status.ROUTED)
    task.project, task.instance = project, instance
    task.routing_confidence, task.routing_reasoning = confidence, reasoning
    task.review_required, task.route_after = False, None
    payload |= _changed(task, changes)
    destination = {"project": project.pk if project else None, "instance": instance.pk if instance else None}
    task = log.save_row(task, kind="task.routed", actor=actor, confidence=confidence, **destination, **payload)
    claimed = claim_for_project(project=project, task=task) if project and project.auto_claim else []
    return claimed[0] if claimed else task


@transaction.atomic
def hold_for_review(
    *, task: Task, confidence: float, reasoning: str, actor: str, changes: Mapping[str, Any] | None = None,
    **payload: Any,
) -> Task:  # fmt: skip
    """Leave the task pending for a person to say where it belongs; `changes` are fields that are set on the way.

    :raises TransitionNotAllowed: if the task is no longer pending
    """
    task = _stands(log.lock_row(task), Task.Status.PENDING)
    task.routing_confidence, task.routing_reasoning, task.review_required = confidence, reasoning, True
    payload |= _changed(task, changes)
    return log.save_row(task, kind="task.review_requested", actor=actor, confidence=confidence, **payload)


def _changed(task: Task, changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Set the fields, and return what the event says of it."""
    for name, value in (changes or {}).items():
        setattr(task, name, value)
    return {"changed": sorted(changes)} if changes else {}


@transaction.atomic
def return_to_routing(*, task: Task, actor: str, route_after: datetime | None = None) -> Task:
    """Take back where the task was placed, so that it is routed anew.

    :raises TransitionNotAllowed: if it is not routed
    """
    task = _stands(log.lock_row(task), Task.Status.ROUTED)
    task.move_to(Task.Status.PENDING)
    leave_place(task)
    task.review_required, task.route_after = False, route_after
    return log.save_row(task, kind="task.returned", actor=actor)


@transaction.atomic
def block_task(*, task: Task, actor: str, reason: str = "") -> Task:
    """Park a task: nobody holds it and nobody may claim it."""
    task = log.lock_row(task)
    task.move_to(Task.Status.BLOCKED)
    close_claims(task, why="blocked")
    return log.save_row(task, kind="task.blocked", actor=actor, reason=reason)


@transaction.atomic
def unblock_task(*, task: Task, actor: str) -> Task:
    """Let a parked task be claimed again.

    :raises TransitionNotAllowed: if it is not blocked
    """
    task = _stands(log.lock_row(task), Task.Status.BLOCKED)
    task.move_to(Task.Status.ROUTED)
    return log.save_row(task, kind="task.unblocked", actor=actor)


def leave_place(task: Task) -> None:
    """Forget where the task was placed; what a PERSONAL instance keeps stays with it."""
    task.project, task.instance = None, Instance.objects.keeper_of(task.instance_id)


def _stands(task: Task, status: Task.Status) -> Task:
    """Return the task if it stands there: the lifecycle lets others make the move by verbs of their own.

    :raises TransitionNotAllowed: if it stands elsewhere
    """
    if task.status != status:
        raise TransitionNotAllowed(f"The task is {task.status}; only a {status} task can do this.", status=task.status)
    return task


@transaction.atomic
def retry_task(*, task: Task, actor: str) -> Task:
    """Send a failed task round again, with all its attempts.

    :raises TransitionNotAllowed: if it has not failed
    """
    task = _stands(log.lock_row(task), Task.Status.FAILED)
    task.move_to(Task.Status.PENDING)
    task.attempts, task.failed_at, task.failure_reason = 0, None, None
    leave_place(task)
    return log.save_row(task, kind="task.retried", actor=actor)
