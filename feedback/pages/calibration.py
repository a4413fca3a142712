"""What the confidence is worth, and what a threshold would do before it is saved."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from hopper.common.admin import percent
from hopper.common.errors import HopperError
from instances.models import Instance
from routing import operations as routing
from tasks.models import Task

SIDE = 240  # pixels of the drawn curve
MOST_LISTED = 500


class Question(forms.Form):
    """Whose confidence, and the threshold or the costs to try."""

    scope: forms.ModelChoiceField = forms.ModelChoiceField(
        Instance.objects.none(), required=False, empty_label="The whole house"
    )
    priority = forms.ChoiceField(choices=[("", "every priority"), *Task.Priority.choices], required=False)
    threshold = forms.FloatField(min_value=0, max_value=1, required=False)
    wrong = forms.FloatField(min_value=0.01, required=False)
    review = forms.FloatField(min_value=0.01, required=False)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        scopes: Any = self.fields["scope"]
        scopes.queryset = Instance.objects.living().order_by("name", "pk")

    @property
    def said(self) -> dict[str, float]:
        """What is tried: a threshold, or costs, which win."""
        told = self.cleaned_data if self.is_valid() else {}
        costs = {name: told[name] for name in ("wrong", "review") if told.get(name)}
        if len(costs) == 2:
            return costs
        return {"threshold": told["threshold"]} if told.get("threshold") is not None else {}


@require_http_methods(["GET", "POST"])
def confidence(request: HttpRequest) -> HttpResponse:
    """Show how honest the confidence is, and what a threshold would do; a button saves it."""
    if not request.user.has_perm("tasks.view_task"):
        messages.error(request, "You may not see decisions: ask for the permission to view tasks.")
        return redirect("admin:index")
    asked = Question(request.POST if request.method == "POST" else request.GET)
    if request.method == "POST":
        _save(request, asked)
        return redirect(reverse("confidence"))
    told = asked.cleaned_data if asked.is_valid() else {}
    scope, said = told.get("scope"), asked.said
    outlook = routing.look_out(scope=scope.pk if scope else routing.HOUSE, priority=told.get("priority") or None)
    context = {
        **admin.site.each_context(request), "title": "Confidence", "form": asked, "scope": scope, "said": said,
        "health": routing.health(), "scopes": Instance.objects.living().order_by("name", "pk")[:MOST_LISTED],
        "priorities": Task.Priority.choices, "side": SIDE,
        "may_save": request.user.has_perm("instances.change_instance"),
        **_shown(outlook.as_dict(routing.threshold_of(**said))),
    }  # fmt: skip
    return TemplateResponse(request, "admin/feedback/confidence.html", context)


def _save(request: HttpRequest, asked: Question) -> None:
    said = asked.said
    scope = asked.cleaned_data.get("scope") if asked.is_valid() else None
    if scope is None or not said or not request.user.has_perm("instances.change_instance"):
        messages.error(request, "Choose an instance that you may change, and a threshold or both costs.")
        return
    priority = asked.cleaned_data["priority"] or None
    try:
        routing.set_threshold(instance=scope, priority=priority, actor=request.user.get_username(), **said)
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"Saved. It holds for {scope} and what is below, from the next task on.")


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures as people read them, and the curve as points of a picture."""
    points = [
        {
            "x": round(SIDE * tenth["sure"], 1), "y": round(SIDE * (1 - tenth["right"]), 1),
            "size": round(3 + 9 * (tenth["judged"] / found["judged"]) ** 0.5, 1),
            "text": f"{percent(tenth['sure'])} sure, {percent(tenth['right'])} right, {tenth['judged']} judged",
        }
        for tenth in found["reliability"]
    ]  # fmt: skip
    return {
        "judged": found["judged"], "accuracy": percent(found["accuracy"]), "ece": found["ece"],
        "ece_raw": found["ece_raw"], "points": points, "line": " ".join(f"{p['x']},{p['y']}" for p in points),
        "in_force": _at(found["in_force"]), "wanted": found["wanted"] and _at(found["wanted"]),
        "thresholds": [_at(row) for row in found["thresholds"]], "curves": found["scopes"],
    }  # fmt: skip


def _at(row: dict[str, Any]) -> dict[str, Any]:
    width = round(100 * (row["coverage"] or 0))
    return {name: percent(share) or "–" for name, share in row.items()} | {"width": width}
