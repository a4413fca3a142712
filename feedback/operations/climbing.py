"""Who is asked about a task in review: the instance that knows its places, then those above it, then a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from instances.config import effective_config
from instances.models import Instance
from tasks.models import Task


@dataclass(frozen=True)
class Asked:
    """Who is asked now: an instance, until its time is up, or a person, who has no such time."""

    instance_id: str | None
    name: str
    level: int
    levels: int
    until: datetime | None


def who_is_asked(*, tasks: Iterable[Task], now: datetime | None = None) -> dict[str, Asked]:
    """Return by task who is asked now; one query, however many tasks."""
    first = {task.pk: _first(task) for task in tasks}
    keys = sorted({key for key in first.values() if key})
    rows = {row.pk: row for row in Instance.objects.with_paths_to(keys)} if keys else {}
    return {
        task.pk: _asked(_path(first[task.pk], rows), rows, _since(task), now or timezone.now()) for task in tasks
    }  # fmt: skip


def asked_of(*, branches: Sequence[str]) -> QuerySet[Task]:
    """Return the tasks in review that stand nowhere yet and that an instance of these branches was asked about first.

    They stay theirs to answer when the question has climbed on: anybody who was asked may still know.
    """
    seats = Instance.objects.in_branches(tuple(branches)).values("pk")
    return Task.objects.in_review().filter(instance=None, decision__asked_instance__in=seats).order_by()


def _first(task: Task) -> str | None:
    """Return where the task is, or else the lowest instance above its likeliest places."""
    decision = getattr(task, "decision", None)
    return task.instance_id or (decision.asked_instance_id if decision else None)


def _since(task: Task) -> datetime:
    decision = getattr(task, "decision", None)
    return decision.decided_at if decision else task.updated_at


def _path(key: str | None, rows: Mapping[str, Instance]) -> list[str]:
    path: list[str] = []
    while key is not None and key in rows and key not in path:
        path.append(key)
        key = rows[key].parent_id
    return path


def _asked(way: Sequence[str], rows: Mapping[str, Instance], since: datetime, now: datetime) -> Asked:
    until = since
    seats = [rows[seat] for seat in way if rows[seat].is_active]
    for level, seat in enumerate(seats, start=1):
        patience = effective_config(seat.pk, rows.values()).get("review_timeout")
        until += timedelta(seconds=patience.value if patience else settings.REVIEW_SECONDS)
        if now < until:
            return Asked(seat.pk, seat.name, level, len(seats) + 1, until)
    return Asked(None, "a person", len(seats) + 1, len(seats) + 1, None)
