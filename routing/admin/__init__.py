from functools import partial
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin, link_to, percent
from routing import operations
from routing.admin import memory, policies  # noqa: F401  register their pages
from routing.models import (
    AdviserQuestion,
    AdviserUsage,
    AttentionWeight,
    Decision,
    Delegation,
    Duplicate,
    EmbeddingUsage,
    Episode,
    EpisodeJudgement,
    LearnedState,
    TaskAdvice,
)

SHOWN_CANDIDATES = 10
HOP_COLOURS = {
    "pending": "default", "accepted": "primary", "completed": "success", "rejected": "danger", "cancelled": "default",
    "expired": "warning",
}  # fmt: skip

QUESTION_COLOURS = {
    "asked": "info", "answered": "success", "abstained": "default", "failed": "danger", "expired": "warning",
    "overtaken": "default",
}  # fmt: skip
SIGNAL_COLOURS = {"feedback": "success", "withdrawn": "default"} | dict.fromkeys(EpisodeJudgement.IMPLICIT, "info")
HINT_COLOURS = {"suggested": "warning", "confirmed": "default", "dismissed": "default"}


def _table(places: list[dict[str, Any]]) -> SafeString:
    return render_to_string("admin/alternatives.html", {"places": places})


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """Where each task is to go, and why."""

    list_display = ["task", "project", "result", "sure", "decided_by", "decided_at"]
    list_filter = ["outcome", "decided_by", "project"]
    list_select_related = ["task", "project"]
    search_fields = ["task__title", "reasoning"]
    ordering = ["-decided_at", "-pk"]
    change_form_outer_before_template = "admin/routing/decision/explanation.html"
    fieldsets = [
        (None, {"fields": ["task", "outcome", "project", "instance", "sure", "reasoning", "considered"]}),
        ("How", {"fields": ["decided_by", "decided_at", "decision_time_ms", "policy_version", "episode"]}),
        ("What it stood on", {"fields": ["workload_snapshot", "context"]}),
    ]

    @display(description="Outcome", ordering="outcome", label={"routed": "success", "abstained": "warning"})
    def result(self, decision: Decision) -> tuple[str, str]:
        return decision.outcome, decision.get_outcome_display()

    @display(description="Confidence", ordering="confidence")
    def sure(self, decision: Decision) -> str | None:
        return percent(decision.confidence)

    @display(description="Other places")
    def considered(self, decision: Decision) -> SafeString:
        return _table(decision.alternatives)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        decision = context.get("original")
        explained = operations.explain_task(task=decision.task) if decision else None
        return super().render_change_form(request, {**context, "explained": explained}, **kwargs)


@admin.register(Episode)
class EpisodeAdmin(ReadOnlyAdmin):
    """Every act of routing, newest first."""

    list_display = ["routed_at", "task", "chosen_project", "sure", "strategy", "outcome_success"]
    list_filter = ["strategy", "outcome_success", "source"]
    list_select_related = ["task"]
    search_fields = ["task__title", "chosen_project"]
    ordering = ["-routed_at", "-pk"]
    fieldsets = [
        (None, {"fields": ["task", "chosen_project", "chosen_instance", "sure", "strategy", "weighed"]}),
        ("What became of it", {"fields": ["outcome_success", "outcome_duration", "routed_at", "completed_at"]}),
        ("What it stood on", {"fields": ["words", "decision_factors", "source", "source_instance_id"]}),
    ]

    @display(description="Confidence", ordering="confidence")
    def sure(self, episode: Episode) -> str | None:
        return percent(episode.confidence)

    @display(description="Tags")
    def words(self, episode: Episode) -> str:
        return ", ".join(episode.tags)

    @display(description="Candidates")
    def weighed(self, episode: Episode) -> SafeString:
        weighed = episode.decision_factors.get("candidates", [])[:SHOWN_CANDIDATES]
        return _table([place | {"reasons": list(place["why"].values())} for place in weighed])


@admin.register(Duplicate)
class DuplicateAdmin(ReadOnlyAdmin):
    """Tasks that seem to ask for what another asks for; the answer is given on the task's own page."""

    list_display = ["task", "original", "alike", "standing", "created_at"]
    list_filter = ["status"]
    list_select_related = ["task", "original"]
    search_fields = ["task__title", "original__title"]
    fields = ["task", "original", "alike", "status", "created_at", "updated_at"]
    ordering = ["-created_at", "-pk"]

    @display(description="Similarity", ordering="similarity")
    def alike(self, hint: Duplicate) -> str:
        return f"{hint.similarity:.2f}"

    @display(description="Status", ordering="status", label=HINT_COLOURS)
    def standing(self, hint: Duplicate) -> tuple[str, str]:
        return hint.status, hint.get_status_display()


@admin.register(EpisodeJudgement)
class JudgementAdmin(ReadOnlyAdmin):
    """The lessons; they are written by feedback."""

    list_display = ["judged_at", "task", "chosen", "right_project", "reliability", "came_from", "judged_by"]
    list_filter = ["signal"]
    list_select_related = ["episode__task"]
    search_fields = ["right_project", "judged_by", "episode__task__title"]
    fields = ["task", "episode", "chosen", "right_project", "reliability", "came_from", "judged_by", "judged_at"]
    ordering = ["-judged_at", "-pk"]

    @display(description="Signal", ordering="signal", label=SIGNAL_COLOURS)
    def came_from(self, judgement: EpisodeJudgement) -> tuple[str, str]:
        return judgement.signal, judgement.get_signal_display()

    @admin.display(description="Task")
    def task(self, judgement: EpisodeJudgement) -> Any:
        return link_to(judgement.episode.task)

    @admin.display(description="Chosen then")
    def chosen(self, judgement: EpisodeJudgement) -> str | None:
        return judgement.episode.chosen_project


@admin.register(LearnedState)
class LearnedStateAdmin(ReadOnlyAdmin):
    """What was learned, as numbers; the newest is live."""

    list_display = ["kind", "number", "metrics", "created_at"]
    fields = ["scope", "kind", "number", "metrics", "created_at"]
    ordering = ["-number"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("arrays")


@admin.register(AttentionWeight)
class AttentionWeightAdmin(ReadOnlyAdmin):
    """How much each expert of the learned factor counts, and what it counted before."""

    list_display = ["factor", "counts", "scope", "weighed_at", "reset_at"]
    search_fields = ["factor"]
    fields = ["scope", "factor", "weight", "weighed_at", "reset_at", "course"]
    ordering = ["-weight", "factor"]
    actions = ["reset"]

    @display(description="Weight", ordering="weight")
    def counts(self, row: AttentionWeight) -> str:
        return f"{row.weight:.2f}"

    @display(description="History, newest first")
    def course(self, row: AttentionWeight) -> SafeString:
        lines = [(entry["at"], f"{entry['weight']:.2f}", entry["by"]) for entry in row.history]
        return format_html_join("", "<div>{}: {} ({})</div>", lines)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("routing.change_attentionweight")

    @admin.action(description="Reset all to the fit's own weights", permissions=["reset"])
    def reset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        operations.reset_attention(actor=request.user.get_username())
        self.message_user(request, "The weights are those of the fit; only feedback from now on will move them.")


@admin.register(Delegation)
class DelegationAdmin(OperatedAdmin):
    """Hops of tasks through the tree."""

    list_display = ["task", "source_instance", "target_instance", "delegation_type", "state", "delegated_at"]
    list_filter = ["status", "delegation_type"]
    list_select_related = ["task", "source_instance", "target_instance"]
    search_fields = ["task__title", "reason"]
    autocomplete_fields = ["task", "source_instance", "target_instance"]
    readonly_fields = [
        "status", "reason_code", "result", "delegated_at", "accepted_at", "completed_at", "version",
    ]  # fmt: skip
    actions = ["accept", "decline", "take_back"]
    ordering = ["-delegated_at", "-pk"]

    @display(description="Status", ordering="status", label=HOP_COLOURS)
    def state(self, hop: Delegation) -> tuple[str, str]:
        return hop.status, hop.get_status_display()

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        settled = ["task", "source_instance", "target_instance", "delegation_type"]
        return [*self.readonly_fields, *settled] if obj else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        new = ["task", "target_instance", "delegation_type", "reason"]
        return super().get_fields(request, obj) if obj else new

    def create_row(self, *, actor: str, **fields: Any) -> Delegation:
        """Offer the task from where it is; one that went before a person instead shows the hop before."""
        fields["target"] = fields.pop("target_instance")
        hop = operations.delegate_task(actor=actor, **{**fields, "reason": fields.get("reason") or ""})
        return hop or Delegation.objects.of_task(fields["task"]).latest("delegated_at")

    @admin.action(description="Accept", permissions=["change"])
    def accept(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._answer(request, queryset, operations.accept_delegation, "accepted")

    @admin.action(description="Decline", permissions=["change"])
    def decline(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        decline = partial(operations.reject_delegation, reason_code=Delegation.ReasonCode.OTHER)
        self._answer(request, queryset, decline, "declined")

    @admin.action(description="Take back", permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._answer(request, queryset, operations.cancel_delegation, "taken back")

    def _answer(self, request: HttpRequest, queryset: models.QuerySet, verb: Any, past: str) -> None:
        actor = request.user.get_username()
        done = self.act(request, queryset, lambda hop: verb(delegation=hop, actor=actor))
        if done:
            self.message_user(request, f"{done} {past}.")

    def change_row(self, row: Delegation, *, actor: str, **changes: Any) -> Delegation:
        return operations.change_delegation(delegation=row, actor=actor, **changes)

    def delete_row(self, row: Delegation, *, actor: str) -> None:
        operations.delete_delegation(delegation=row, actor=actor)


@admin.register(EmbeddingUsage)
class EmbeddingUsageAdmin(ReadOnlyAdmin):
    """What embedding services were asked for, and about what it cost."""

    list_display = ["day", "model", "texts", "tokens", "dollars"]
    search_fields = ["model"]
    ordering = ["-day", "model"]


@admin.register(AdviserQuestion)
class QuestionAdmin(ReadOnlyAdmin):
    """What language models and sages were asked and said, newest first."""

    list_display = ["task", "model", "standing", "choice", "confidence", "asked_at", "deadline"]
    list_filter = ["adviser", "state"]
    list_select_related = ["task"]
    search_fields = ["task__title", "model", "choice"]
    ordering = ["-asked_at", "-pk"]

    @display(description="State", ordering="state", label=QUESTION_COLOURS)
    def standing(self, question: AdviserQuestion) -> tuple[str, str]:
        return question.state, question.get_state_display()


@admin.register(TaskAdvice)
class TaskAdviceAdmin(ReadOnlyAdmin):
    """What advisers propose; it is accepted or dismissed on the page of its task."""

    list_display = ["task", "kind", "state", "model", "asked_by", "settled_by", "created_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["task"]
    search_fields = ["task__title"]
    ordering = ["-created_at", "-pk"]


@admin.register(AdviserUsage)
class AdviserUsageAdmin(ReadOnlyAdmin):
    """What language models were asked for, today first, and about what it cost."""

    list_display = ["day", "model", "calls", "tokens", "dollars"]
    search_fields = ["model"]
    ordering = ["-day", "model"]
