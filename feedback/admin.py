from typing import Any

from django.contrib import admin

from feedback import operations
from feedback.models import TagDismissal, TaskFeedback
from hopper.common.admin import OperatedAdmin
from hopper.events.models import Event
from routing.models import EpisodeJudgement
from tasks.models import Task


@admin.register(TaskFeedback)
class FeedbackAdmin(OperatedAdmin):
    """What was said of decisions; adding a judgement teaches at once."""

    list_display = ["task", "was_good_match", "should_have_routed_to", "quality_score", "given_by", "updated_at"]
    list_filter = ["was_good_match", "source", "required_rework"]
    list_select_related = ["task"]
    search_fields = ["task__title", "should_have_routed_to", "notes"]
    autocomplete_fields = ["task"]
    readonly_fields = [
        "given_by",
        "source",
        "estimated_seconds",
        "actual_seconds",
        "created_at",
        "updated_at",
        "version",
    ]
    ordering = ["-updated_at", "-pk"]
    change_form_outer_after_template = "admin/feedback/taught.html"
    text_lists = ["unexpected_blockers", "required_skills_not_tagged"]
    help_texts = {"was_good_match": "Off: it belonged elsewhere, or nobody knows where."}
    fieldsets = [
        (None, {"fields": ["task", "was_good_match", "should_have_routed_to", "routing_feedback"]}),
        ("The work", {
            "fields": [
                "quality_score", "complexity_rating", "estimated_duration", "actual_duration", "required_rework",
                "rework_reason", "unexpected_blockers", "required_skills_not_tagged", "notes",
            ],
        }),
        ("History", {"fields": readonly_fields}),
    ]  # fmt: skip

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> Any:
        """Show below the form what was learned from it, and every judgement before it."""
        if obj:
            lesson = EpisodeJudgement.objects.of_task(obj.pk).first()
            context |= {"lesson": lesson, "judgements": Event.objects.about(obj)}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def get_changeform_initial_data(self, request: Any) -> dict[str, Any]:
        return {"was_good_match": True, **super().get_changeform_initial_data(request)}

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "task"] if obj else self.readonly_fields

    def create_row(self, *, actor: str, task: Task, **fields: Any) -> TaskFeedback:
        return operations.record_feedback(task=task, actor=actor, source=TaskFeedback.Source.ADMIN, **fields)

    def change_row(self, row: TaskFeedback, *, actor: str, **changes: Any) -> TaskFeedback:
        return operations.change_feedback(feedback=row, actor=actor, source=TaskFeedback.Source.ADMIN, **changes)

    def delete_row(self, row: TaskFeedback, *, actor: str) -> None:
        operations.withdraw_feedback(feedback=row, actor=actor)


@admin.register(TagDismissal)
class TagDismissalAdmin(OperatedAdmin):
    """Tags that are proposed no more; delete a row and the tag is proposed again."""

    list_display = ["tag", "project", "dismissed_by", "created_at"]
    search_fields = ["tag", "project"]
    readonly_fields = ["dismissed_by", "created_at"]
    ordering = ["-created_at", "-pk"]

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "project", "tag"] if obj else self.readonly_fields

    def create_row(self, *, actor: str, **fields: Any) -> TagDismissal:
        return operations.dismiss_tag(actor=actor, **fields)

    def delete_row(self, row: TagDismissal, *, actor: str) -> None:
        operations.restore_tag(dismissal=row, actor=actor)
