from typing import Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin, percent
from hopper.common.rest.principals import Principal
from hopper.events.timeline import latest_around
from tasks import operations
from tasks.models import Task, TaskClaim, TaskDependency, TaskEscalation

STATUS_COLOURS = {
    "review": "warning", "pending": "default", "routed": "info", "claimed": "primary", "in_progress": "primary",
    "blocked": "warning", "completed": "success", "failed": "danger", "cancelled": "default",
}  # fmt: skip
PRIORITY_COLOURS = {"urgent": "danger", "high": "warning", "medium": "default", "low": "default"}


class OverdueFilter(admin.SimpleListFilter):
    """Open tasks whose time has passed."""

    title = "due date"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(status__in=Task.OPEN, due_at__lt=timezone.now()) if self.value() else queryset


@admin.register(Task)
class TaskAdmin(OperatedAdmin):
    """Take tasks in, see where they went and why."""

    list_display = ["title", "state", "urgency", "project", "instance", "confidence", "created_at"]
    list_filter = ["status", "priority", "review_required", OverdueFilter, "source", "project"]
    list_select_related = ["project", "instance"]
    search_fields = ["title", "description", "id"]
    autocomplete_fields = ["project", "instance", "parent"]
    ordering = ["-created_at", "-pk"]
    date_hierarchy = "created_at"
    change_form_outer_before_template = "admin/tasks/task/decision.html"
    change_form_outer_after_template = "admin/tasks/task/timeline.html"
    routed = ["status", "confidence", "routing_reasoning", "review_required", "route_after"]
    escalated = ["relaxed_by", "passed_over"]
    worked = ["lease_owner", "lease_until", "fence", "attempts", "result", "failure_reason"]
    times = ["created_at", "updated_at", "freed_at", "started_at", "finished_at", "failed_at", "version"]
    elsewhere = ["external_platform", "external_id", "external_url"]
    readonly_fields = [*routed, *escalated, *worked, *times, *elsewhere]
    fieldsets = [
        (None, {"fields": ["title", "description", "tags", "priority", "required_capabilities"]}),
        ("Where to (leave empty to let Hopper decide)", {"fields": ["project", "instance"]}),
        ("Who and when", {
            "classes": ["tab"], "fields": ["requester", "owner", "due_at", "defer_until", "parent", "max_attempts"],
        }),
        ("Wishes", {
            "classes": ["tab"], "fields": ["executor_preference", "velocity_requirement", "estimated_effort"],
        }),
        ("Where from", {
            "classes": ["tab"], "fields": ["source", "source_instance_id", "conversation_id", "context", *elsewhere],
        }),
        ("Routing", {"classes": ["tab"], "fields": [*routed, *escalated]}),
        ("Work", {"classes": ["tab"], "fields": worked}),
        ("Times", {"classes": ["tab"], "fields": times}),
    ]  # fmt: skip
    actions = ["complete", "cancel", "retry"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).for_principal(Principal.of_user(request.user))

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def state(self, task: Task) -> tuple[str, str]:
        if task.review_required and task.status == Task.Status.PENDING:
            return "review", "In review"
        return task.status, task.get_status_display()

    @display(description="Priority", ordering="priority_rank", label=PRIORITY_COLOURS)
    def urgency(self, task: Task) -> tuple[str, str]:
        return task.priority, task.get_priority_display()

    @display(description="Confidence", ordering="routing_confidence")
    def confidence(self, task: Task) -> str | None:
        return percent(task.routing_confidence)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search as the API does, by the index of words."""
        return queryset.search(search_term), False

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        task = kwargs.get("obj")
        timeline, earlier = latest_around(task) if task else ((), 0)
        return super().render_change_form(request, {**context, "timeline": timeline, "earlier": earlier}, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"source": Task.Source.ADMIN, **super().get_changeform_initial_data(request)}

    def create_row(self, *, actor: str, **fields: Any) -> Task:
        return operations.submit_task(actor=actor, **fields)

    def change_row(self, row: Task, *, actor: str, **changes: Any) -> Task:
        return operations.change_task(task=row, actor=actor, **changes)

    def delete_row(self, row: Task, *, actor: str) -> None:
        operations.delete_task(task=row, actor=actor)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        transaction.on_commit(lambda: self._tell_where_it_went(request, obj))  # after the doorbell's own turn
        return super().log_addition(request, obj, message)

    def _tell_where_it_went(self, request: HttpRequest, task: Task) -> None:
        task.refresh_from_db()
        if task.review_required:
            self.message_user(request, f"It waits for your review. {task.routing_reasoning}", messages.WARNING)
        elif task.routing_reasoning:
            self.message_user(request, f"It went to {task.project or task.instance}. {task.routing_reasoning}")

    def _each(self, request: HttpRequest, queryset: models.QuerySet, verb: Any, past: str) -> None:
        done = self.act(request, queryset, verb)
        if done:
            self.message_user(request, f"{done} {past}.")

    @admin.action(description="Complete selected tasks", permissions=["change"])
    def complete(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        actor = request.user.get_username()

        def verb(task: Task) -> Task:
            fence = task.fence if task.status in Task.HELD else None
            return operations.complete_task(task_id=task.pk, fence=fence, owner=None, actor=actor)

        self._each(request, queryset, verb, "completed")

    @admin.action(description="Cancel selected tasks", permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        actor = request.user.get_username()
        self._each(request, queryset, lambda task: operations.cancel_task(task=task, actor=actor), "cancelled")

    @admin.action(description="Retry selected tasks", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        actor = request.user.get_username()
        self._each(request, queryset, lambda task: operations.retry_task(task=task, actor=actor), "retried")


@admin.register(TaskDependency)
class DependencyAdmin(OperatedAdmin):
    """What waits for what."""

    list_display = ["task", "depends_on", "kind", "created_at"]
    list_select_related = ["task", "depends_on"]
    search_fields = ["task__title", "depends_on__title"]
    autocomplete_fields = ["task", "depends_on"]
    ordering = ["-created_at", "-pk"]

    def create_row(self, *, actor: str, **fields: Any) -> TaskDependency:
        return operations.add_dependency(actor=actor, **fields)

    def change_row(self, row: TaskDependency, *, actor: str, **changes: Any) -> TaskDependency:
        return operations.change_dependency(dependency=row, actor=actor, **changes)

    def delete_row(self, row: TaskDependency, *, actor: str) -> None:
        operations.remove_dependency(task=row.task, depends_on=row.depends_on, actor=actor)


@admin.register(TaskClaim)
class ClaimAdmin(ReadOnlyAdmin):
    """Who held what, newest first."""

    list_display = ["task", "owner", "fence", "taken_at", "released_at", "why"]
    list_filter = ["why"]
    list_select_related = ["task"]
    search_fields = ["task__title", "owner"]
    ordering = ["-taken_at", "-pk"]


@admin.register(TaskEscalation)
class EscalationAdmin(ReadOnlyAdmin):
    """What happened by itself to tasks whose time ran out, newest first."""

    list_display = ["task", "rule", "step", "action", "why", "created_at"]
    list_filter = ["action"]
    list_select_related = ["task"]
    search_fields = ["task__title", "rule"]
    ordering = ["-created_at", "-pk"]
