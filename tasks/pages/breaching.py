"""The page of what is about to breach, and of what is stuck."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from hopper.common.durations import read_duration
from hopper.common.rest.principals import Principal
from projects.models import Project
from tasks import operations
from tasks.deadlines import Deadline, Places
from tasks.models import Task, TaskDependency

PAGE = 25
SOON = timedelta(hours=1)
HORIZONS = {"1h": "1 hour", "4h": "4 hours", "1d": "1 day", "7d": "7 days"}
KINDS = {"response": "Start", "completion": "Completion", "due": "Due date"}
COLOURS = {"breached": "danger", "at_risk": "warning", "fine": ""}


@require_safe
def about_to_breach(request: HttpRequest) -> HttpResponse:
    """List the open tasks whose time runs out, the least time left first, and the stuck ones below."""
    if not request.user.has_perm("tasks.view_task"):
        messages.error(request, "You may not see tasks: ask for the permission to view them.")
        return redirect("admin:index")
    now, places = timezone.now(), Project.objects.promises()
    within, project = request.GET.get("within", ""), request.GET.get("project", "")
    within = within if within in HORIZONS else "1d"
    tasks: Any = Task.objects.for_principal(Principal.of_user(request.user))
    tasks = tasks.in_project(project) if project in places else tasks
    near = tasks.select_related("project").breaking_before(now + read_duration(within), places)
    page = Paginator(near.with_place().order_by("breaks_at", "pk"), PAGE).get_page(request.GET.get("page"))
    stuck = tasks.stuck().order_by("created_at", "pk")
    context = {
        **admin.site.each_context(request), "title": "About to breach", "page": page, "horizons": HORIZONS,
        "within": within, "project": project, "projects": [name for name in places if name],
        "query": urlencode({"within": within, "project": project}), "counts": _count(near, now),
        "rows": _rows(list(page), places, now), "stuck": _stuck(list(stuck[:PAGE])), "stuck_count": stuck.count(),
        "promised": any(promise.response or promise.completion for promise in places.values()),
    }  # fmt: skip
    return TemplateResponse(request, "admin/about_to_breach.html", context)


def _count(near: Any, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = near.aggregate(
        all=Count("pk"), breached=Count("pk", filter=Q(breaks_at__lte=now)),
        soon=Count("pk", filter=Q(breaks_at__gt=now, breaks_at__lte=now + SOON)),
    )  # fmt: skip
    return counts


def _rows(tasks: list[Any], places: Places, now: datetime) -> list[dict[str, Any]]:
    futures = operations.foresee(tasks=tasks, places=places, now=now)
    return [_row(task, futures[task.pk], now) for task in tasks]


def _row(task: Any, future: dict[str, Any], now: datetime) -> dict[str, Any]:
    deadline: Deadline = future["deadline"]
    given = max(deadline.at - task.began, timedelta(seconds=1))
    step, wait = future["next"], future["wait"]
    return {
        "task": task, "deadline": deadline, "kind": KINDS[deadline.kind], "colour": COLOURS[deadline.state],
        "left": f"{spell(-deadline.left)} late" if deadline.left <= timedelta() else spell(deadline.left),
        "used": max(0, min(100, round(100 * (1 - deadline.left / given)))), "place": task.place,
        "wait": f"{spell(wait[0])} to {spell(wait[1])}" if wait else None, "taken": future["taken"],
        "next": step and {"rule": step[0], "in": spell(step[1] - now)},
    }  # fmt: skip


def _stuck(tasks: list[Task]) -> list[dict[str, Any]]:
    lost: dict[str, list[TaskDependency]] = defaultdict(list)
    for wait in TaskDependency.objects.lost().filter(task__in=tasks).select_related("depends_on").order_by("pk"):
        lost[wait.task_id].append(wait)
    return [{"task": task, "waits": lost[task.pk]} for task in tasks]


def spell(length: timedelta) -> str:
    """Return the length in its two largest units, like `2 d 3 h`, `45 min`."""
    minutes = round(length.total_seconds() / 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    if days:
        return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"
    parts = [f"{hours} h"] if hours else []
    return " ".join([*parts, f"{minutes % 60} min"] if minutes % 60 or not hours else parts)
