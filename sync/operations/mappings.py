"""Tying tasks to their counterparts."""

from typing import Any

from django.db import transaction

from hopper.events import operations as log
from sync.models import ExternalMapping
from tasks.models import Task
from tasks.operations import set_external_identity


@transaction.atomic
def create_mapping(*, task: Task, actor: str, **fields: Any) -> ExternalMapping:
    """Tie a task to its counterpart on a platform.

    :raises Invalid: if either side is tied already
    """
    mapping = log.create_row(ExternalMapping(task=task, **fields), kind="mapping.created", actor=actor)
    _show_first(task, actor)
    return mapping


@transaction.atomic
def change_mapping(*, mapping: ExternalMapping, actor: str, **changes: Any) -> ExternalMapping:
    """Change where the counterpart is."""
    mapping = log.change_row(mapping, kind="mapping.changed", actor=actor, changes=changes)
    _show_first(mapping.task, actor)
    return mapping


@transaction.atomic
def delete_mapping(*, mapping: ExternalMapping, actor: str) -> None:
    """Cut the tie."""
    task = mapping.task
    log.delete_row(mapping, kind="mapping.deleted", actor=actor)
    _show_first(task, actor)


def _show_first(task: Task, actor: str) -> None:
    first = ExternalMapping.objects.of_task(task).first()
    set_external_identity(
        task=task, actor=actor, platform=first.platform if first else None,
        external_id=first.external_id if first else None, external_url=first.external_url if first else None,
    )  # fmt: skip
