"""Everything that changes the tree."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.db.graph import MAX_DEPTH, graph_lock, reachable_from
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.models import MAY_SIT_UNDER, Instance


class InstanceHasOpenWork(HopperError):
    """The instance still has open tasks or living instances below it."""

    code = "instance_has_open_work"


@transaction.atomic
def create_instance(*, actor: str, **fields: Any) -> Instance:
    """Add an instance to the tree.

    :raises Invalid: if a field is wrong or its scope may not sit there
    """
    status = fields.pop("status", Instance.Status.CREATED)
    if status not in (Instance.Status.CREATED, Instance.Status.ACTIVE):
        raise Invalid({"status": ["A new instance is created or active: later use start, pause, resume, terminate."]})
    graph_lock("instances")
    instance = Instance(**fields, status=status, created_by=actor[:100])
    _check_place(instance)
    return log.create_row(instance, kind="instance.created", actor=actor, scope=instance.scope, name=instance.name)


@transaction.atomic
def change_instance(*, instance: Instance, actor: str, **changes: Any) -> Instance:
    """Change an instance's fields or move its branch.

    :raises Invalid: if a field is wrong, the move would close a cycle or go too deep, or what is below may not
        sit under the new scope
    """
    graph_lock("instances")
    moved = log.lock_row(instance)
    for name in changes.keys() & {"parent", "scope"}:
        setattr(moved, name, changes[name])
    if changes.keys() & {"parent", "scope"}:
        _check_place(moved)
        _check_below(moved)
    return log.change_row(instance, kind="instance.changed", actor=actor, changes=changes)


def delete_instance(*, instance: Instance, actor: str) -> None:
    """Delete an instance that nothing stands on.

    :raises StillInUse: if it has children, projects or tasks
    """
    log.delete_row(instance, kind="instance.deleted", actor=actor)


def start_instance(*, instance: Instance, actor: str) -> Instance:
    """Let a created instance take work."""
    return _move(instance, Instance.Status.ACTIVE, "instance.started", actor, came_from=Instance.Status.CREATED)


def pause_instance(*, instance: Instance, actor: str) -> Instance:
    """Drain an active instance: open work goes on, nothing new comes."""
    return _move(instance, Instance.Status.PAUSED, "instance.paused", actor)


def resume_instance(*, instance: Instance, actor: str) -> Instance:
    """Let a paused instance take work again."""
    return _move(instance, Instance.Status.ACTIVE, "instance.resumed", actor, came_from=Instance.Status.PAUSED)


@transaction.atomic
def terminate_instance(*, instance: Instance, actor: str, now: datetime | None = None) -> Instance:
    """End an instance for good; its history stays.

    :raises InstanceHasOpenWork: if living instances or open tasks are below it
    """
    if Instance.objects.children_of(instance).living().exists():
        raise InstanceHasOpenWork(f"{instance.name} has living instances below it: terminate them first.")
    if instance.tasks.open().exists():
        raise InstanceHasOpenWork(f"{instance.name} has open tasks: complete, cancel or re-route them first.")
    end = now or timezone.now()
    return _move(instance, Instance.Status.TERMINATED, "instance.terminated", actor, terminated_at=end)


@transaction.atomic
def _move(
    instance: Instance, status: str, kind: str, actor: str, *, came_from: str | None = None, **also: Any
) -> Instance:
    instance = log.lock_row(instance)
    if came_from and instance.status != came_from:
        verbs = {"created": "start", "active": "pause or terminate", "paused": "resume or terminate"}
        hint = verbs.get(instance.status, "nothing: it has ended")
        raise HopperError(f"{instance.name} is {instance.status}. What it can do now: {hint}.", status=instance.status)
    instance.move_to(status, **also)
    return log.save_row(instance, kind=kind, actor=actor)


def _check_place(instance: Instance) -> None:
    """Refuse a scope that may not sit there, a cycle, and a tree deeper than 16."""
    parent = instance.parent
    allowed = MAY_SIT_UNDER.get(instance.scope)
    if allowed is None:
        return  # an unknown scope is refused by the field itself
    if (parent.scope if parent else None) not in allowed:
        names = ", ".join(sorted(scope or "the root" for scope in allowed))
        raise Invalid({"parent": [f"A {instance.scope} instance sits under: {names}."]})
    if parent is None:
        return
    above = reachable_from(parent.pk, table=Instance._meta.db_table, source="id", target="parent_id", max_depth=100)
    if instance.pk in above:
        raise Invalid({"parent": [f"{parent.name} is below {instance.name}: the tree would become a circle."]})
    below = reachable_from(instance.pk, table=Instance._meta.db_table, source="parent_id", target="id", max_depth=100)
    if max(above.values()) + 2 + max(below.values()) > MAX_DEPTH:
        raise Invalid({"parent": [f"The tree would be deeper than {MAX_DEPTH} levels."]})


def _check_below(instance: Instance) -> None:
    """Refuse a scope that an instance below may not sit under."""
    for child in Instance.objects.children_of(instance):
        if instance.scope not in MAY_SIT_UNDER[child.scope]:
            raise Invalid({"scope": [f"{child.name} ({child.scope}) is below and may not sit there: move it first."]})
