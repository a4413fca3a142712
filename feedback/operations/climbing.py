"""Who is asked about a task in review: the instance that knows its places, then those above it, then a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from instances.config import effective_config
from instances.models import Instance
from tasks.models import Task

SHOWN = 3


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
    named = {task.pk: _places(task) for task in tasks}
    keys = sorted({key for places in named.values() for key in places})
    rows = {row.pk: row for row in Instance.objects.with_paths_to(keys)} if keys else {}
    return {
        task.pk: _asked(_way(named[task.pk], rows), rows, _since(task), now or timezone.now()) for task in tasks
    }  # fmt: skip


def _places(task: Task) -> list[str]:
    """Return where the task is, or else the instances of its best three places."""
    if task.instance_id:
        return [task.instance_id]
    decision = getattr(task, "decision", None)
    return [place["instance_id"] for place in decision.alternatives[:SHOWN] if place["instance_id"]] if decision else []


def _since(task: Task) -> datetime:
    decision = getattr(task, "decision", None)
    return decision.decided_at if decision else task.updated_at


def _way(places: Sequence[str], rows: Mapping[str, Instance]) -> list[str]:
    """Return the lowest instance above all the places, and those above that one."""
    paths = [_path(place, rows) for place in places]
    return [seat for seat in paths[0] if all(seat in path for path in paths)] if paths else []


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
