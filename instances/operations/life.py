"""The life of an instance: start, pause, resume, and its end with what is still open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.db.graph import graph_lock, steps_down
from hopper.common.errors import HopperError
from hopper.events import operations as log
from instances.models import Instance


class InstanceHasOpenWork(HopperError):
    """The instance still has open tasks or living instances below it."""

    code = "instance_has_open_work"


def start_instance(*, instance: Instance, actor: str) -> Instance:
    """Let a created instance take work."""
    return _move(instance, Instance.Status.ACTIVE, "instance.started", actor, came_from=Instance.Status.CREATED)


def pause_instance(*, instance: Instance, actor: str, **told: Any) -> Instance:
    """Drain an active instance: open work goes on, nothing new comes."""
    return _move(instance, Instance.Status.PAUSED, "instance.paused", actor, told=told)


def resume_instance(*, instance: Instance, actor: str) -> Instance:
    """Let a paused instance take work again; one that was about to end lives on."""
    return _move(instance, Instance.Status.ACTIVE, "instance.resumed", actor, came_from=Instance.Status.PAUSED)


def terminate_instance(*, instance: Instance, actor: str, now: datetime | None = None, reason: str = "") -> Instance:
    """End an instance for good; its history stays.

    :raises InstanceHasOpenWork: if anything is open at it, or lives below it
    """
    return terminate_branch(instance=instance, actor=actor, now=now, reason=reason, below=False)[-1]


@transaction.atomic
def terminate_branch(
    *, instance: Instance, actor: str, now: datetime | None = None, reason: str = "", below: bool = True
) -> list[Instance]:
    """End an instance with all that is below it, the lowest first: all of them or none.

    :raises InstanceHasOpenWork: if anything is open in the branch
    """
    rows = _lock_branch(instance, below=below)
    _refuse_open_work(instance, rows)
    end, told = now or timezone.now(), _reason(reason)
    return [
        _step(row, Instance.Status.TERMINATED, "instance.terminated", actor, told, terminated_at=end) for row in rows
    ]


@transaction.atomic
def close_branch(
    *, instance: Instance, closing: str, actor: str, reason: str = "", below: bool = False
) -> list[Instance]:
    """Pause an instance, or its branch, and mark it to be ended when nothing is open any more; the lowest first.

    :raises InstanceHasOpenWork: if instances live below that are not to be closed with it
    """
    rows = _lock_branch(instance, below=below)
    told = {"closing": closing, **_reason(reason)}
    return [_close(row, Instance.Closing(closing), actor, told) for row in rows]


def _close(row: Instance, closing: Instance.Closing, actor: str, told: dict[str, Any]) -> Instance:
    """Mark the locked row; one that takes no work anyhow keeps its status."""
    if row.closing == closing:
        return row
    if row.status not in (Instance.Status.CREATED, Instance.Status.PAUSED):
        row.move_to(Instance.Status.PAUSED)
    row.closing = closing
    return log.save_row(row, kind="instance.closing", actor=actor, **told)


def _lock_branch(instance: Instance, *, below: bool) -> list[Instance]:
    """Return the row as it stands, and with `below` its living branch, locked, the lowest first.

    :raises InstanceHasOpenWork: if instances live below that are not asked for
    """
    graph_lock("instances")
    depth = steps_down(instance.pk, Instance._meta.db_table, most=1000)
    living = list(Instance.objects.living().filter(pk__in=depth).exclude(pk=instance.pk).values_list("pk", flat=True))
    if living and not below:
        raise InstanceHasOpenWork(
            f"{instance.name} has living instances below it: terminate them first, or the whole branch.",
            living_below=len(living),
        )
    top = log.lock_row(instance)
    rows = Instance.objects.select_for_update().filter(pk__in=living).order_by("pk")
    return [*sorted(rows, key=lambda row: -depth[row.pk]), top]


def _refuse_open_work(instance: Instance, rows: Sequence[Instance]) -> None:
    counts = Instance.objects.filter(pk__in=[row.pk for row in rows]).open_work()
    if counts["open_tasks"]:
        raise InstanceHasOpenWork(
            f"{instance.name} has open tasks ({counts['open_tasks']}, {counts['held_tasks']} of them held): complete, "
            "cancel or re-route them first.", **counts,
        )  # fmt: skip
    if counts["open_delegations"]:
        raise InstanceHasOpenWork(f"{instance.name} has open delegations ({counts['open_delegations']}).", **counts)


def _reason(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


@transaction.atomic
def _move(
    instance: Instance, status: str, kind: str, actor: str, *,
    came_from: str | None = None, told: dict[str, Any] | None = None,
) -> Instance:  # fmt: skip
    instance = log.lock_row(instance)
    if came_from and instance.status != came_from:
        verbs = {"created": "start", "active": "pause or terminate", "paused": "resume or terminate"}
        hint = verbs.get(instance.status, "nothing: it has ended")
        raise HopperError(f"{instance.name} is {instance.status}. What it can do now: {hint}.", status=instance.status)
    return _step(instance, status, kind, actor, told or {})


def _step(row: Instance, status: str, kind: str, actor: str, told: dict[str, Any], **also: Any) -> Instance:
    """Move a locked row."""
    row.move_to(status, **also)
    return log.save_row(row, kind=kind, actor=actor, **told)
