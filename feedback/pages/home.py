"""The dashboard, and the sidebar of every page."""

from collections.abc import Callable
from typing import Any

from django.db.models import Count, F, Q
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils import timezone

from hopper.events.models import Delivery, Outage
from projects.models import Project
from routing import operations as routing
from routing.models import Decision
from tasks.models import Task

MOST_COUNTED = 100


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
    figures = {"counts": counts, "recent": recent, "health": routing.health(), "by_project": _by_project()}
    return context | {"title": "Dashboard", **figures, "news": _news(request)}


def _news(request: HttpRequest) -> dict[str, Any]:
    """Return what keeps news from its consumers: deliveries that were given up, and who is away."""
    if not request.user.has_perm("events.view_delivery"):
        return {}
    return {"dead": Delivery.objects.dead().count(), "away": Outage.objects.order_by("consumer")}


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
            ("Graph checks", "hub", "admin:sync_graphcheck_changelist"),
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
    pages = [
        {"title": title, "icon": icon, "link": reverse_lazy(name), "permission": _needs("tasks.view_task")}
        for title, icon, name in (
            ("Confidence", "speed", "confidence"), ("What people said", "bar_chart", "feedback-statistics"),
            ("Missing tags", "new_label", "retag"),
        )
    ]  # fmt: skip
    dashboard = {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")}
    return {"title": "Every morning", "items": [dashboard, review, breaching, *pages]}


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
