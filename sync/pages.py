"""Pages of what hangs on what: what stops if an instance is away, and what a task keeps waiting."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from hopper.common.rest.principals import Principal
from instances.models import Instance
from sync import operations
from tasks.models import Task

MOST_ROWS = 100
WHY = {
    "here": "Open here", "below": "Open below", "delegated": "Handed there", "waiting": "Waiting for one of those",
}  # fmt: skip


@require_safe
def what_stops(request: HttpRequest, key: str) -> HttpResponse:
    """Show what stops if the instance is away, and why."""
    instance = _find(request, Instance, key)
    if instance is None or not request.user.has_perm("tasks.view_task"):
        return _turn_away(request)
    found = operations.what_stops_without(instance=instance, principal=Principal.of_user(request.user))
    counts = found.about["counts"]
    context = {
        "title": f"What stops if {instance} is away", "instance": instance, "projects": found.about["projects"],
        "rows": [(item.row, WHY[item.about["why"]]) for item in found.results[:MOST_ROWS]],
        "figures": [(label, counts[why]) for why, label in WHY.items()], "number": counts["tasks"],
    }  # fmt: skip
    return _page(request, "admin/what_stops.html", found, context)


@require_safe
def what_hangs(request: HttpRequest, key: str) -> HttpResponse:
    """Show what waits for the task, and the longest chain of open tasks before it."""
    task = _find(request, Task, key)
    if task is None or not request.user.has_perm("tasks.view_task"):
        return _turn_away(request)
    about: dict[str, Any] = {"task": task, "principal": Principal.of_user(request.user)}
    blocked, path = operations.tasks_blocked_by(**about), operations.critical_path(**about)
    context = {
        "title": f"What hangs on {task}", "task": task, "number": len(blocked.results),
        "rows": [item.row for item in blocked.results[:MOST_ROWS]],
        "path": [(item.row, item.about["hours"]) for item in path.results[-MOST_ROWS:]], "hours": path.about["hours"],
    }  # fmt: skip
    return _page(request, "admin/what_hangs.html", blocked, context)


def _find(request: HttpRequest, model: Any, key: str) -> Any:
    rows = model.objects.for_principal(Principal.of_user(request.user))
    return rows.filter(pk=key.replace("\x00", "")).first()


def _turn_away(request: HttpRequest) -> HttpResponse:
    messages.error(request, "It is no longer there, or you may not see it.")
    return redirect("admin:index")


def _page(request: HttpRequest, template: str, found: operations.Answer, context: dict[str, Any]) -> HttpResponse:
    shown = {"truncated": found.truncated, "answered_by": found.answered_by, "most": MOST_ROWS}
    return TemplateResponse(request, template, {**admin.site.each_context(request), **shown, **context})
