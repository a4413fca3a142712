"""What consolidation found: patterns with the evidence of each source, and its runs with their logs."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin, percent
from routing import operations
from routing.learning.bounds import lower_bound, upper_bound
from routing.models import ConsolidationRun, Pattern, PatternEvidence

RUN_COLOURS = {"wanted": "default", "running": "info", "done": "success", "failed": "danger"}


class EvidenceInline(TabularInline):
    """What each source saw, in the episodes that patterns were searched in and in those held out."""

    model = PatternEvidence
    fields = readonly_fields = ["source", "window", "successes", "failures", "at_least", "at_most"]
    extra = max_num = 0
    can_delete = False

    @admin.display(description="Right at least")
    def at_least(self, seen: PatternEvidence) -> str | None:
        return percent(lower_bound(seen.successes, seen.successes + seen.failures))

    @admin.display(description="Right at most")
    def at_most(self, seen: PatternEvidence) -> str | None:
        return percent(upper_bound(seen.successes, seen.successes + seen.failures))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Pattern)
class PatternAdmin(OperatedAdmin):
    """Regularities, written or learned."""

    list_display = ["name", "pattern_type", "target_project", "target_instance", "sure", "usage_count", "is_active"]
    list_filter = ["is_active", "is_anti_pattern", "pattern_type", "source"]
    search_fields = ["name", "description", "target_project"]
    readonly_fields = ["last_used_at", "last_refined_at", "created_at", "updated_at", "version"]
    ordering = ["name", "pk"]
    inlines = [EvidenceInline]
    fieldsets = [
        (None, {"fields": ["name", "description", "is_active", "is_anti_pattern"]}),
        ("Which tasks", {"fields": ["pattern_type", "tag_criteria", "text_criteria", "priority_criteria"]}),
        ("Go where", {"fields": ["target_project", "target_instance", "confidence"]}),
        ("How often it held", {"fields": ["usage_count", "success_count", "failure_count"]}),
        ("History", {"fields": ["id", "derived_from", "source", "source_instance_id", *readonly_fields]}),
    ]

    @display(description="Confidence", ordering="confidence")
    def sure(self, pattern: Pattern) -> str | None:
        return percent(pattern.confidence)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "id"] if obj else self.readonly_fields

    def create_row(self, *, actor: str, **fields: Any) -> Pattern:
        return operations.create_pattern(actor=actor, **fields)

    def change_row(self, row: Pattern, *, actor: str, **changes: Any) -> Pattern:
        return operations.change_pattern(pattern=row, actor=actor, **changes)

    def delete_row(self, row: Pattern, *, actor: str) -> None:
        operations.delete_pattern(pattern=row, actor=actor)


@admin.register(ConsolidationRun)
class ConsolidationRunAdmin(ReadOnlyAdmin):
    """The nightly work on what was learned, newest first."""

    list_display = ["started_at", "standing", "asked_by", "patterns", "found", "switched_off", "commit", "finished_at"]
    list_filter = ["state"]
    search_fields = ["log", "commit"]
    fields = ["standing", "asked_by", "created_at", "started_at", "finished_at", "counts", "commit", "entry"]
    ordering = ["-created_at", "-pk"]

    @display(description="State", ordering="state", label=RUN_COLOURS)
    def standing(self, run: ConsolidationRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @admin.display(description="Patterns")
    def patterns(self, run: ConsolidationRun) -> int | None:
        return run.counts.get("patterns")

    @admin.display(description="New")
    def found(self, run: ConsolidationRun) -> int | None:
        return run.counts.get("found")

    @admin.display(description="Switched off")
    def switched_off(self, run: ConsolidationRun) -> int | None:
        return run.counts.get("switched_off")

    @admin.display(description="Log")
    def entry(self, run: ConsolidationRun) -> SafeString:
        return format_html('<pre style="white-space: pre-wrap">{}</pre>', run.log)
