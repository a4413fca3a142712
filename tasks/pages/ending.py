"""The page that asks what shall happen to the open work of instances that are drained or ended."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from hopper.common.errors import HopperError
from instances.models import Instance
from tasks import operations

LIST = "admin:instances_instance_changelist"
CHOICES = {
    "drain": [
        ("keep", "Leave it there", "Whoever holds a task goes on; the rest waits until the instance is resumed."),
        ("reroute", "Send it back to routing", "Whoever holds a task goes on; the rest is routed anew."),
    ],
    "terminate": [
        ("refuse", "Refuse", "Nothing ends while anything is open there."),
        ("wait", "Wait for it", "Nothing new comes; the instance ends with its last open task."),
        ("reroute", "Send it back to routing", "The rest is routed anew; the instance ends with the last held task."),
    ],
}  # fmt: skip


@require_http_methods(["GET", "POST"])
def end_instances(request: HttpRequest) -> HttpResponse:
    """Show what is open at the chosen instances, ask, and then drain or terminate them."""
    if not request.user.has_perm("instances.change_instance"):
        messages.error(request, "You may not end instances: ask for the permission to change them.")
        return redirect("admin:index")
    verb = request.GET.get("verb", "")
    keys = [key for key in request.GET.getlist("id") if "\x00" not in key]
    chosen = list(Instance.objects.living().filter(pk__in=keys).order_by("name", "pk"))
    if verb not in CHOICES or not chosen:
        messages.error(request, "Choose living instances in the list first.")
        return redirect(LIST)
    if request.method == "POST":
        _carry_out(request, verb, chosen)
        return redirect(LIST)
    context = {
        **admin.site.each_context(request), "title": f"{verb.capitalize()} instances", "verb": verb,
        "rows": _open_there(chosen), "choices": CHOICES[verb],
    }  # fmt: skip
    return TemplateResponse(request, "admin/end_instances.html", context)


def _open_there(chosen: list[Instance]) -> list[dict[str, Any]]:
    """Return each instance with what is open at it and in its whole branch, from one query."""
    keys = [row.pk for row in chosen]
    branch = {row.pk: row for row in Instance.objects.in_branches(keys).living().with_open_work().with_held_work()}
    shown = {key: {"instance": branch[key], "below": 0, "open": 0, "held": 0} for key in keys if key in branch}
    for row in branch.values():
        for key in _way_up(row, branch):
            if key in shown:
                shown[key]["below"] += key != row.pk
                shown[key]["open"] += row.open_tasks
                shown[key]["held"] += row.held_tasks
    return list(shown.values())


def _way_up(row: Instance, branch: Mapping[str | None, Any]) -> set[str]:
    way: set[str] = set()
    seat: Instance | None = row
    while seat is not None and seat.pk not in way:
        way.add(seat.pk)
        seat = branch.get(seat.parent_id)
    return way


def _carry_out(request: HttpRequest, verb: str, chosen: list[Instance]) -> None:
    how, reason = request.POST.get("open_work", ""), request.POST.get("reason", "").replace("\x00", "")[:500]
    if how not in [choice for choice, *_ in CHOICES[verb]]:
        messages.error(request, "Say what shall happen to the open work.")
        return
    given: dict[str, Any] = {"actor": request.user.get_username(), "reason": reason}
    for row in chosen:
        try:
            if verb == "drain":
                ended = operations.drain_instance(instance=row, reroute=how == "reroute", **given)
            else:
                branch = "branch" in request.POST
                ended = operations.end_instance(instance=row, open_work=how, branch=branch, **given)
        except HopperError as error:
            messages.error(request, f"{row}: {error.message}")
        else:
            messages.success(request, f"{ended} {'closes' if ended.closing else f'is {ended.status}'}.")
