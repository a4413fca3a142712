"""How much lies at each project, and whose turn it is: read for each decision, as it changes with each."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, F, OuterRef, Subquery

from projects.models import Project
from routing.models import Decision, Delegation
from tasks.models import Task

QUEUES_KEPT = 30.0  # seconds
NOT_ASKED: tuple[float, dict[str, datetime]] = (-math.inf, {})

_queues = NOT_ASKED


def forget() -> None:
    """Ask anew, as a new process would."""
    global _queues
    _queues = NOT_ASKED


def load_workload() -> dict[str, int]:
    """Return the number of live leases by project, and of tasks that are on their way to whoever will take them."""
    held = Task.objects.filter(status__in=Task.HELD, project__isnull=False).order_by()
    hops = Delegation.objects.open().filter(task__status=Task.Status.ROUTED, task__project__isnull=False).order_by()
    counted = held.values_list("project").annotate(n=Count("pk")).values_list(F("project"), "n")
    offered = hops.values_list("task__project").annotate(n=Count("task", distinct=True))
    load: Counter[str] = Counter()
    for project, count in counted.union(offered.values_list(F("task__project"), "n"), all=True):
        load[project] += count
    return dict(load)


def load_queues() -> dict[str, datetime]:
    """Return since when the oldest open task of each project could be begun; asked every half minute a process.

    It is one look into an index for each project, too many for every decision, and ages change slowly.
    """
    global _queues
    asked_at, queues = _queues
    if time.monotonic() - asked_at > QUEUES_KEPT:
        oldest = Task.objects.filter(project=OuterRef("pk"), status__in=Task.OPEN).order_by("began").values("began")[:1]
        queues = {name: began for name, began in Project.objects.values_list("pk", Subquery(oldest)) if began}
        _queues = time.monotonic(), queues
    return queues


def last_chosen(projects: Sequence[str]) -> dict[str, float]:
    """Return when each of the projects was last given a task, in seconds since 1970; the never chosen are left out."""
    latest = Decision.objects.filter(project=OuterRef("pk")).order_by("-decided_at").values("decided_at")[:1]
    found = Project.objects.filter(pk__in=projects).values_list("pk", Subquery(latest))
    return {name: moment.timestamp() for name, moment in found if moment}
