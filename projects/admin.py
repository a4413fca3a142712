from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from hopper.common.admin import OperatedAdmin
from projects import operations
from projects.models import Project


@admin.register(Project)
class ProjectAdmin(OperatedAdmin):
    """Register destinations, see how much each has to do."""

    list_display = ["name", "skills", "executor_type", "velocity", "capacity", "open_tasks", "instance", "is_active"]
    list_filter = ["is_active", "executor_type", "velocity"]
    list_select_related = ["instance"]
    search_fields = ["name", "slug", "repository"]
    autocomplete_fields = ["instance"]
    readonly_fields = ["created_by", "created_at", "updated_at", "last_sync", "version"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "is_active", "instance", "repository"]}),
        ("What it can do", {"fields": ["capabilities", "tags", "executor_type", "executor_config", "auto_claim"]}),
        ("How much and how fast", {"fields": ["velocity", "capacity", "capacity_cost", "priority_boost", "sla"]}),
        ("How it is reached", {"fields": ["webhook_url", "api_endpoint", "sync_config"]}),
        ("History", {"fields": readonly_fields}),
    ]
    prepopulated_fields = {"slug": ["name"]}
    actions = ["merge"]
    help_texts = {
        "executor_type": "Who does the work, like human, agent or orchestration.",
        "executor_config": "What the executor needs to know, as JSON.",
        "capacity_cost": 'How much of the capacity a task takes, by tag or priority, like {"migration": 2}.',
        "priority_boost": 'What it should get more of, by tag or priority, like {"security": 1.5, "urgent": 2}.',
        "sla": 'Its promises, like {"response_time": "4h", "completion_time": "P2D"}, and under "escalation" what then '
        'happens by itself, like [{"when": "waiting", "after": "2h", "do": "notify"}]: see docs/deadlines.md.',
    }

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).with_statistics()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "name"] if obj else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, list[str]]:
        return {} if obj else self.prepopulated_fields

    @admin.display(description="Capabilities")
    def skills(self, project: Any) -> str:
        return ", ".join(project.capabilities)

    @admin.display(description="Open tasks")
    def open_tasks(self, project: Any) -> int:
        return sum(
            getattr(project, f"{status}_tasks") for status in ("pending", "routed", "claimed", "in_progress", "blocked")
        )

    @admin.action(description="Merge the selected project into another…", permissions=["change"])
    def merge(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Lead to the page that shows what would move, and asks where to."""
        keys = list(queryset.values_list("pk", flat=True)[:2])
        if len(keys) == 1:
            return redirect(f"{reverse('merge-project')}?{urlencode({'project': keys[0]})}")
        messages.error(request, "Choose one project: they are merged one by one.")
        return None

    def create_row(self, *, actor: str, **fields: Any) -> Project:
        return operations.register_project(actor=actor, **fields)

    def change_row(self, row: Project, *, actor: str, **changes: Any) -> Project:
        return operations.change_project(project=row, actor=actor, **changes)

    def delete_row(self, row: Project, *, actor: str) -> None:
        operations.delete_project(project=row, actor=actor)
