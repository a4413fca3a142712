"""The pages an operator opens every morning: the dashboard and the review queue."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.paginator import Paginator
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from feedback import operations
from hopper.common.errors import HopperError
from hopper.common.rest.principals import Principal
from projects.models import Project
from routing.models import Decision, EpisodeJudgement, TaskAdvice
from routing.operations import settle_advice as settle_its_advice
from routing.operations import settle_duplicate as settle
from tasks.models import Task

PAGE = 20
JUDGED = 500
MOST_COUNTED = 100


@require_http_methods(["GET", "POST"])
def review_queue(request: HttpRequest) -> HttpResponse:
    """List the tasks that Hopper was not sure about; a click on a place is the answer."""
    if not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not answer reviews: ask for the permission to change tasks.")
        return redirect("admin:index")
    if request.method == "POST":
        _answer(request)
        return redirect(request.get_full_path())
    waiting = _seen(request).in_review().select_related("decision", "duplicate__original")
    context = {
        **admin.site.each_context(request),
        "title": "Review queue",
        "page": Paginator(waiting, PAGE).get_page(request.GET.get("page")),
        "projects": Project.objects.active().order_by("name"),
    }
    return TemplateResponse(request, "admin/review_queue.html", context)


def _answer(request: HttpRequest) -> None:
    task = _seen(request).filter(pk=_given(request, "task")).first()
    project = Project.objects.filter(pk=_given(request, "project")).first()
    if task is None or project is None:
        messages.error(request, "Choose a project for the task; it may have been answered or deleted meanwhile.")
        return
    try:
        operations.answer_review(task=task, project=project, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"“{task}” went to {project}. Hopper has learned from it.")


@require_http_methods(["POST"])
def settle_duplicate(request: HttpRequest, key: str) -> HttpResponse:
    """Take the answer to "perhaps a duplicate", and show the task again."""
    page = redirect("admin:tasks_task_change", key)
    task = _seen(request).filter(pk=unquote(key)).first()
    if task is None or not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not change this task, or it is no longer there.")
        return page
    is_duplicate = request.POST.get("verdict") == "confirm"
    try:
        settle(task=task, is_duplicate=is_duplicate, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "It is a duplicate, then." if is_duplicate else "It is no duplicate, then.")
    return page


@require_http_methods(["POST"])
def settle_advice(request: HttpRequest, key: str) -> HttpResponse:
    """Accept or dismiss what an adviser suggests for a task, and show the task again."""
    seen = TaskAdvice.objects.for_principal(Principal.of_user(request.user))
    advice = seen.filter(pk=unquote(key)).select_related("task").first()
    if advice is None or not request.user.has_perm("tasks.change_task"):
        messages.error(request, "You may not change this task, or the advice is no longer there.")
        return redirect("admin:tasks_task_changelist")
    accept = request.POST.get("verdict") == "accept"
    try:
        settle_its_advice(advice=advice, accept=accept, actor=request.user.get_username())
    except HopperError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The advice was taken." if accept else "The advice was dismissed.")
    return redirect("admin:tasks_task_change", advice.task_id)


def _seen(request: HttpRequest) -> Any:
    return Task.objects.for_principal(Principal.of_user(request.user))


def _given(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "")  # PostgreSQL takes no NUL, not even to look for


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures of the front page: work by status, and how well Hopper decides."""
    if not request.user.has_perm("tasks.view_task"):
        return context | {"title": "Dashboard"}
    counts = Task.objects.aggregate(
        waiting=Count("pk", filter=Q(status="pending", review_required=False)),
        review=Count("pk", filter=Q(status="pending", review_required=True)),
        ready=Count("pk", filter=Q(status="routed")),
        working=Count("pk", filter=Q(status__in=Task.HELD)),
        overdue=Count("pk", filter=Q(status__in=Task.OPEN, due_at__lt=timezone.now())),
    )
    recent = Decision.objects.recent().select_related("task", "project")[:10]
    figures = {"counts": counts, "recent": recent, "health": _health(), "by_project": _by_project()}
    return context | {"title": "Dashboard", **figures}


def _health() -> dict[str, Any]:
    """Return the accuracy of the last 500 judged decisions that Hopper made itself (routing.md 4)."""
    own = EpisodeJudgement.objects.filter(episode__chosen_project__isnull=False).exclude(
        episode__strategy__in=["human", "explicit"]
    )
    newest = own.order_by("-judged_at").values_list("right_project", "episode__chosen_project")[:JUDGED]
    judged = list(newest)
    right = sum(truth == chosen for truth, chosen in judged)
    return {"judged": len(judged), "accuracy": right / len(judged) if judged else None}


def _by_project() -> list[Any]:
    return list(Project.objects.active().with_statistics().order_by(F("routed_tasks").desc(), "name")[:10])


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: by what an operator does, not by app."""
    return [
        _every_morning(),
        _group(
            "Work", ("Tasks", "task_alt", "admin:tasks_task_changelist"),
            ("Dependencies", "account_tree", "admin:tasks_taskdependency_changelist"),
            ("Duplicates", "content_copy", "admin:routing_duplicate_changelist"),
            ("Claims", "lock_clock", "admin:tasks_taskclaim_changelist"),
            ("Escalations", "stairs", "admin:tasks_taskescalation_changelist"),
            ("Delegations", "call_split", "admin:routing_delegation_changelist"),
            ("External mappings", "link", "admin:sync_externalmapping_changelist"),
        ),
        _group("Places", ("Instances", "lan", "admin:instances_instance_changelist"),
               ("Projects", "folder", "admin:projects_project_changelist")),
        _group(
            "Decisions", ("Decisions", "alt_route", "admin:routing_decision_changelist"),
            ("Episodes", "history", "admin:routing_episode_changelist"),
            ("Feedback", "thumbs_up_down", "admin:feedback_taskfeedback_changelist"),
            ("Lessons", "school", "admin:routing_episodejudgement_changelist"),
            ("Learned states", "model_training", "admin:routing_learnedstate_changelist"),
            ("Attention", "tune", "admin:routing_attentionweight_changelist"),
        ),
        _policy(),
        _advisers(),
        _group(
            "System", ("Events", "receipt_long", "admin:events_event_changelist"),
            ("Deliveries", "local_shipping", "admin:events_delivery_changelist"),
            ("Embedding usage", "payments", "admin:routing_embeddingusage_changelist"), *_ACCESS,
        ),
    ]  # fmt: skip


def _policy() -> dict[str, Any]:
    return _group(
        "Policy", ("Policies", "gavel", "admin:routing_policy_changelist"),
        ("Versions and rules", "checklist", "admin:routing_policyversion_changelist"),
        ("Proposed rules", "lightbulb", "admin:routing_proposal_changelist"),
        ("Backtests", "replay", "admin:routing_backtest_changelist"),
        ("Shadow choices", "contrast", "admin:routing_shadowchoice_changelist"),
        ("Patterns", "pattern", "admin:routing_pattern_changelist"),
        ("Consolidations", "nightlight", "admin:routing_consolidationrun_changelist"),
    )  # fmt: skip


_ACCESS = (
    ("API keys", "key", "admin:common_apikey_changelist"), ("Users", "person", "admin:auth_user_changelist"),
    ("Groups", "group", "admin:auth_group_changelist"),
)  # fmt: skip


def _advisers() -> dict[str, Any]:
    return _group(
        "Advisers", ("Questions", "forum", "admin:routing_adviserquestion_changelist"),
        ("Advice on tasks", "tips_and_updates", "admin:routing_taskadvice_changelist"),
        ("Cost by day", "payments", "admin:routing_adviserusage_changelist"),
    )  # fmt: skip


def _every_morning() -> dict[str, Any]:
    review = {
        "title": "Review queue", "icon": "rule", "link": reverse_lazy("review-queue"),
        "badge": Task.objects.in_review().count(), "badge_variant": "warning",
        "permission": _needs("tasks.change_task"),
    }  # fmt: skip
    late = Task.objects.breaking_before(timezone.now(), Project.objects.promises())[:MOST_COUNTED].count()
    breaching = {
        "title": "About to breach", "icon": "alarm", "link": reverse_lazy("about-to-breach"),
        "badge": f"{MOST_COUNTED - 1}+" if late == MOST_COUNTED else late, "badge_variant": "danger",
        "permission": _needs("tasks.view_task"),
    }  # fmt: skip
    dashboard = {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")}
    return {"title": "Every morning", "items": [dashboard, review, breaching]}


def _group(title: str, *items: tuple[str, str, str]) -> dict[str, Any]:
    links = [
        {"title": text, "icon": icon, "link": reverse_lazy(name), "permission": _needs(_viewing(name))}
        for text, icon, name in items
    ]
    return {"title": title, "separator": True, "items": links}


def _viewing(list_name: str) -> str:
    """Return the permission to see a list: `admin:tasks_task_changelist` needs `tasks.view_task`."""
    app, model, _ = list_name.removeprefix("admin:").split("_")
    return f"{app}.view_{model}"


def _needs(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)
