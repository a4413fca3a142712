"""Adding instances, changing what they say, and moving their branches."""

from copy import copy
from typing import Any

from django.db import transaction

from hopper.common.db.graph import MAX_DEPTH, graph_lock, steps_down, steps_up
from hopper.common.errors import Invalid
from hopper.events import operations as log
from instances.models import Instance
from instances.scopes import SCOPES, what_keeps

TABLE = Instance._meta.db_table
SHAPE = {"parent", "scope", "config"}  # what decides where an instance may sit, and what below it


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

    :raises Invalid: if a field is wrong, the move would close a cycle or go too deep, what is below may not
        sit under the new scope, or content would leave its owner
    """
    graph_lock("instances")
    was = log.lock_row(instance)
    becomes = copy(was)
    for name in changes.keys() & SHAPE:
        setattr(becomes, name, changes[name])
    if any(getattr(was, name) != getattr(becomes, name) for name in SHAPE):
        _check_place(becomes)
        _check_below(becomes)
        _check_content(was, becomes)
    return log.change_row(instance, kind="instance.changed", actor=actor, changes=changes)


def delete_instance(*, instance: Instance, actor: str) -> None:
    """Delete an instance that nothing stands on.

    :raises StillInUse: if it has children, projects or tasks
    """
    log.delete_row(instance, kind="instance.deleted", actor=actor)


def _check_place(instance: Instance) -> None:
    """Refuse a place that the scope may not have, an ended one, a cycle, and a tree deeper than 16."""
    if instance.scope not in SCOPES:
        return  # an unknown scope is refused by the field itself
    parent = Instance.objects.filter(pk=instance.parent_id).first()  # as it stands now, under the graph's lock
    if (parent.scope if parent else None) not in instance.rules.sits_under:
        names = ", ".join(sorted(scope or "the root" for scope in instance.rules.sits_under))
        raise Invalid({"parent": [f"A {instance.scope} instance sits under: {names}."]})
    if parent is None:
        return
    if parent.status == Instance.Status.TERMINATED != instance.status:
        raise Invalid({"parent": [f"{parent.name} has ended: nothing sits under it any more."]})
    _check_member(instance, parent)
    _check_depth(instance, parent)


def _check_depth(instance: Instance, parent: Instance) -> None:
    above = steps_up(parent.pk, TABLE, most=100)
    if instance.pk in above:
        raise Invalid({"parent": [f"{parent.name} is below {instance.name}: the tree would become a circle."]})
    below = steps_down(instance.pk, TABLE, most=100)
    if max(above.values()) + 2 + max(below.values()) > MAX_DEPTH:
        raise Invalid({"parent": [f"The tree would be deeper than {MAX_DEPTH} levels."]})


def _check_member(instance: Instance, parent: Instance) -> None:
    """Refuse somebody's own instance where its owner has no part."""
    members = parent.config.get("members")
    if instance.owner and members and instance.owner not in members:
        raise Invalid({"parent": [f"{instance.owner} is no member of {parent.name}: add them to its members first."]})


def _check_below(instance: Instance) -> None:
    """Refuse a scope, or members, that an instance below may not sit under."""
    for child in Instance.objects.children_of(instance).living():
        if instance.scope not in child.rules.sits_under:
            raise Invalid({"scope": [f"{child.name} ({child.scope}) is below and may not sit there: move it first."]})
        _check_member(child, instance)


def _check_content(was: Instance, becomes: Instance) -> None:
    """Refuse to bring what a PERSONAL instance has ever held out of its owner's reach (docs/adr/0017-instances.md)."""
    if was.rules.keeps_content and (was.scope, was.owner) != (becomes.scope, becomes.owner):
        keeper: Any = was
        field = "scope" if was.scope != becomes.scope else "config"
    else:
        keeper, field = what_keeps(_path(was), _path(becomes)), "parent"
    if keeper and Instance.objects.in_branches([was.pk]).filter(tasks__isnull=False).exists():
        raise Invalid({field: [f"What is there belongs to {keeper.name} ({keeper.owner}) and never leaves it."]})


def _path(instance: Instance) -> list[Instance]:
    above = Instance.objects.path_to(instance.parent_id) if instance.parent_id else ()
    return [instance, *above]
