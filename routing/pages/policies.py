"""Pages about policies: what a version changes and how it would do, and policy files in and out."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_http_methods

from hopper.common.errors import HopperError, Invalid
from hopper.common.models import Role
from hopper.common.rest.principals import Principal
from instances.models import Instance
from routing import operations
from routing.models import Backtest, PolicyVersion
from routing.policy.diff import is_same
from routing.policy.files import LONGEST_FILE
from tasks.models import Task

VERBS: dict[str, tuple[Callable[..., Any], str]] = {
    "backtest": (operations.backtest_version, "The report is below."),
    "shadow": (operations.start_shadow, "It decides in silence from now on."),
    "unshadow": (operations.stop_shadow, "It is a draft again."),
    "activate": (operations.activate_version, "It is in force; tasks in review are routed anew."),
    "rollback": (operations.roll_back, "What stood before is in force again."),
}
NO_VERB: tuple[Callable[..., Any], str] = (lambda **about: None, "")
MOST_ROWS = 12
LIST = "admin:routing_policyversion_changelist"


@require_http_methods(["GET", "POST"])
def policy_trial(request: HttpRequest, key: str) -> HttpResponse:
    """Show what a version changes in the one in force, how it would have done, and what can be done with it."""
    version = _seen(request).filter(pk=key.replace("\x00", "")).first()
    if version is None:
        messages.error(request, "This version is no longer there, or you may not see it.")
        return redirect("admin:index")
    if request.method == "POST":
        _carry_out(request, version)
        return redirect("policy-trial", version.pk)
    active = PolicyVersion.objects.in_force().at(version.instance_id).select_related("policy").first()
    difference = operations.compare_versions(version=version, other=active)
    report = version.backtests.newest_first().select_related("baseline__policy").first()
    context = {
        **admin.site.each_context(request), "title": f"{version.policy}, version {version.number}",
        "version": version, "active": active, "difference": _shown(difference), "same": is_same(difference),
        "report": report, "examples": _examples(request, report), "most": MOST_ROWS,
        "why_not": _why_not(version, active), "may": request.user.has_perm("routing.change_policyversion"),
        "may_force": _may_force(request), "shadow": _shadow(version),
    }  # fmt: skip
    return TemplateResponse(request, "admin/policy_trial.html", context)


@require_http_methods(["GET", "POST"])
def policy_import(request: HttpRequest) -> HttpResponse:
    """Take a policy file, uploaded or typed, and keep it as a draft; what is wrong is named by its line."""
    if not request.user.has_perm("routing.add_policyversion"):
        messages.error(request, "You may not add versions: ask for the permission to add them.")
        return redirect("admin:index")
    typed, name, faults = "", "", []
    if request.method == "POST":
        name = request.POST.get("name", "").replace("\x00", "").strip()
        try:
            typed = _given_text(request)
            content = operations.read_policy(text=typed)
            version = operations.load_policy(
                name=name, content=content, actor=request.user.get_username(), activate=False,
                instance=_given_instance(request),
            )  # fmt: skip
        except Invalid as error:
            faults = [text for texts in error.errors.values() for text in texts]
        else:
            messages.success(request, "It is a draft. Look at what it changes, and backtest it.")
            return redirect("policy-trial", version.pk)
    names = PolicyVersion.objects.in_force().at(None).values_list("policy__name", flat=True)
    context = {
        **admin.site.each_context(request), "title": "Import a policy file", "typed": typed, "faults": faults,
        "name": name or next(iter(names), ""), "instance": request.POST.get("instance", ""),
    }  # fmt: skip
    return TemplateResponse(request, "admin/policy_import.html", context, status=400 if faults else 200)


@require_GET
def policy_export(request: HttpRequest, key: str) -> HttpResponse:
    """Send a version as a policy file."""
    version = _seen(request).filter(pk=key.replace("\x00", "")).first()
    if version is None:
        messages.error(request, "This version is no longer there, or you may not see it.")
        return redirect("admin:index")
    return HttpResponse(
        operations.write_policy(version=version), content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="policy-{version.number}.yaml"'},
    )  # fmt: skip


def _seen(request: HttpRequest) -> Any:
    rows = PolicyVersion.objects.select_related("policy", "instance")
    return rows if request.user.has_perm("routing.view_policyversion") else rows.none()


def _may_force(request: HttpRequest) -> bool:
    return Principal.of_user(request.user).may(Role.ADMINISTRATOR)


def _carry_out(request: HttpRequest, version: PolicyVersion) -> None:
    verb, said = VERBS.get(request.POST.get("verb", ""), NO_VERB)
    if not said or not request.user.has_perm("routing.change_policyversion"):
        messages.error(request, "You may not change versions: ask for the permission to change them.")
        return
    about: dict[str, Any] = {"policy": version.policy} if verb is operations.roll_back else {"version": version}
    if verb is operations.activate_version:
        about["force"] = "force" in request.POST and _may_force(request)
    try:
        verb(actor=request.user.get_username(), **about)
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, said)


def _given_instance(request: HttpRequest) -> Instance | None:
    """Return the instance that a new policy is to be of, or None for the whole house.

    :raises Invalid: if there is no such instance
    """
    key = request.POST.get("instance", "").replace("\x00", "").strip()
    found = Instance.objects.filter(pk=key).first()
    if key and found is None:
        raise Invalid({"instance": [f"There is no instance {key!r}: send its id."]})
    return found


def _given_text(request: HttpRequest) -> str:
    """Return what was uploaded, else what was typed.

    :raises Invalid: if it is too long or no UTF-8
    """
    upload: Any = request.FILES.get("file")
    if upload is None:
        return request.POST.get("text", "")
    if upload.size > LONGEST_FILE * 4:
        raise Invalid({"yaml": [f"The file is over {LONGEST_FILE // 256} KB: split the policy."]})
    try:
        text: str = upload.read().decode()
    except UnicodeDecodeError as error:
        raise Invalid({"yaml": ["The file is not UTF-8: save it as UTF-8."]}) from error
    return text


def _shown(difference: dict[str, Any]) -> dict[str, Any]:
    """Return the difference with conditions and values as they stand in a file."""
    rules = difference["rules"]
    shown = {
        part: [{**rule, "when": _json(rule.get("when"))} for rule in rules[part]] for part in ("added", "removed")
    }  # fmt: skip
    changed = [
        {**rule, "changes": {name: [_json(value) for value in pair] for name, pair in rule["changes"].items()}}
        for rule in rules["changed"]
    ]
    return {**difference, "rules": {**shown, "changed": changed}}


def _json(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "–"
    return json.dumps(value, ensure_ascii=False)


def _why_not(version: PolicyVersion, active: PolicyVersion | None) -> str | None:
    if active is None or version.activated_at:
        return None
    return operations.why_untested(version=version, baseline=active)


def _shadow(version: PolicyVersion) -> dict[str, Any] | None:
    return operations.report_shadow(version=version) if version.shadowed_at else None


def _examples(request: HttpRequest, report: Backtest | None) -> list[dict[str, Any]]:
    """Return the examples with the titles of those tasks that the person may see."""
    rows: list[dict[str, Any]] = report.report.get("examples", []) if report else []
    tasks: Any = Task.objects.for_principal(Principal.of_user(request.user))
    titles = dict(tasks.filter(pk__in=[row["task_id"] for row in rows]).values_list("pk", "title"))
    return [{**row, "title": titles.get(row["task_id"])} for row in rows]
