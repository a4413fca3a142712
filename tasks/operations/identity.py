"""What a task is called elsewhere: a copy of its first mapping, kept in step by `sync`."""

from django.db import transaction

from hopper.events import operations as log
from tasks.models import Task


@transaction.atomic
def set_external_identity(
    *, task: Task, platform: str | None, external_id: str | None, external_url: str | None, actor: str
) -> Task:
    """Show on the task what it is called elsewhere; all None when it no longer has a counterpart."""
    changes = {"external_platform": platform, "external_id": external_id, "external_url": external_url}
    return log.change_row(task, kind="task.identified", actor=actor, changes=changes)
