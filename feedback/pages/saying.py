"""What people said of decisions, in figures, and the tags that they missed."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods

from feedback import operations
from feedback.models import TaskFeedback
from feedback.pages.asking import given
from hopper.common.admin import percent
from hopper.common.errors import HopperError
from hopper.common.rest.principals import Principal

EXAMPLES = 3
GROUPS = {
    "project": "Project", "strategy": "Strategy", "tag": "Tag", "day": "Day", "week": "Week",
}  # fmt: skip


def _said(request: HttpRequest) -> Any:
    return TaskFeedback.objects.for_principal(Principal.of_user(request.user))


@require_GET
def statistics(request: HttpRequest) -> HttpResponse:
    """Show how often people found decisions right, by what they choose."""
    if not request.user.has_perm("feedback.view_taskfeedback"):
        messages.error(request, "You may not read feedback: ask for the permission to view it.")
        return redirect("admin:index")
    by = request.GET.get("by", "project")
    by = by if by in GROUPS else "project"
    rows = [_shown(row) for row in operations.count_feedback(feedback=_said(request), by=by)]
    context = {
        **admin.site.each_context(request), "title": "What people said", "groups": GROUPS, "by": by, "rows": rows,
        "group": GROUPS[by],
    }  # fmt: skip
    return TemplateResponse(request, "admin/feedback/statistics.html", context)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shares = {name: percent(row[name]) or "–" for name in ("good_share", "mean_quality", "rework_share")}
    width = round(100 * (row["good_share"] or 0))
    return row | shares | {"key": row["key"] or "asked a person", "width": width}


@require_http_methods(["GET", "POST"])
def missing_tags(request: HttpRequest) -> HttpResponse:
    """List the tags that people missed; a click adds one to its tasks, or keeps it away."""
    if not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not tag tasks: ask for the permission to change them.")
        return redirect("admin:index")
    if request.method == "POST":
        _settle(request)
        return redirect("retag")
    proposals = [
        {"proposal": one, "examples": one.tasks[:EXAMPLES], "count": len(one.tasks)}
        for one in operations.propose_tags(feedback=_said(request))
    ]
    context = {**admin.site.each_context(request), "title": "Missing tags", "proposals": proposals}
    return TemplateResponse(request, "admin/feedback/retag.html", context)


def _settle(request: HttpRequest) -> None:
    actor, verb = request.user.get_username(), given(request, "verb")
    what = {"project": given(request, "project"), "tag": given(request, "tag")}
    try:
        if verb == "dismiss":
            operations.dismiss_tag(actor=actor, **what)
            messages.success(request, f"“{what['tag']}” is proposed no more.")
        else:
            as_capability = verb == "capability"
            changed = operations.accept_tag(
                feedback=_said(request), actor=actor, as_capability=as_capability, **what
            )  # fmt: skip
            messages.success(request, f"“{what['tag']}” was added to {changed} task{'s' if changed > 1 else ''}.")
    except HopperError as error:
        messages.error(request, error.message)
