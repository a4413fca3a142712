"""What is to be expected of open tasks: the deadline that comes first, the place in the queue, the wait, escalation."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, OuterRef, Subquery, Value, When
from django.utils import timezone

from projects.models import Project
from tasks.deadlines import Places, expected_wait, nearest_deadline, next_step
from tasks.models import Task, TaskEscalation

PACE = 50  # completions that tell the pace of a project
LOOK_BACK = timedelta(days=7)

Pace = tuple[int, timedelta]  # so many completions in so long a time


def foresee(*, tasks: Sequence[Any], places: Places, now: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Return for each task, read `with_deadlines` and `with_place`, what is known of its future.

    deadline, place, wait (p50 and p90), taken (steps of escalation, oldest first) and next (a rule, and when), each
    None where nothing is known. It asks two more queries, however many tasks there are.
    """
    now = now or timezone.now()
    paces = _paces({task.project_id for task in tasks if task.place}, now)
    taken = _taken([task.pk for task in tasks])
    found: dict[str, dict[str, Any]] = {}
    for task in tasks:
        steps = [(step.rule, step.step) for step in taken[task.pk]]
        rules = places.get(task.project_id, places[None]).rules
        found[task.pk] = {
            "deadline": nearest_deadline(task, now=now), "place": task.place, "taken": taken[task.pk],
            "wait": expected_wait(task.place, *paces[task.project_id]) if task.place else None,
            "next": next_step(task, rules, steps, now=now),
        }  # fmt: skip
    return found


def _taken(keys: Collection[str]) -> dict[str, list[TaskEscalation]]:
    found: dict[str, list[TaskEscalation]] = defaultdict(list)
    for step in TaskEscalation.objects.filter(task__in=keys).order_by("created_at", "pk"):
        found[step.task_id].append(step)
    return found


def _paces(names: Collection[str], now: datetime) -> dict[str, Pace]:
    """Return for each project its last 50 completions, or those of seven days, and the time that they took."""
    done = Task.objects.filter(project=OuterRef("pk"), status="completed", finished_at__gt=now - LOOK_BACK)
    fiftieth = Subquery(done.order_by("-finished_at").values("finished_at")[PACE - 1 : PACE])
    count = Subquery(done.order_by().values("project").annotate(n=Count("pk")).values("n"))
    rows = Project.objects.filter(pk__in=names).annotate(fiftieth=fiftieth)
    rows = rows.annotate(done=Case(When(fiftieth=None, then=count), default=Value(PACE)))
    return {
        name: (done or 0, now - since if since else LOOK_BACK)
        for name, since, done in rows.values_list("pk", "fiftieth", "done")
    }
