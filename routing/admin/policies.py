"""Policies, their versions, how versions would do, and the rules that learning proposes."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin, link_to_key, percent
from routing import operations
from routing.models import Backtest, Policy, PolicyVersion, Proposal, ShadowChoice

STATE_COLOURS = {"active": "success", "shadow": "warning", "draft": "info", "retired": "default"}
ANSWER_COLOURS = {"proposed": "warning", "accepted": "success", "dismissed": "default"}


@admin.register(Policy)
class PolicyAdmin(OperatedAdmin):
    """Lines of versions."""

    list_display = ["name", "description", "place", "created_at"]
    list_select_related = ["instance"]
    search_fields = ["name"]
    autocomplete_fields = ["instance"]
    exclude = ["id"]
    ordering = ["name", "pk"]

    @display(description="Decides for", ordering="instance__name")
    def place(self, policy: Policy) -> str:
        return str(policy.instance or "the whole house")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        return [*fixed, "instance"] if obj and obj.versions.exists() else fixed

    def create_row(self, *, actor: str, **fields: Any) -> Policy:
        return operations.create_policy(actor=actor, **fields)

    def change_row(self, row: Policy, *, actor: str, **changes: Any) -> Policy:
        return operations.change_policy(policy=row, actor=actor, **changes)

    def delete_row(self, row: Policy, *, actor: str) -> None:
        operations.delete_policy(policy=row, actor=actor)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(OperatedAdmin):
    """Rules, weights and thresholds; a draft is edited here, and tried and put in force on its own page."""

    list_display = ["policy", "place", "number", "standing", "trial", "activated_at", "created_at"]
    list_filter = ["state", "policy"]
    list_select_related = ["policy", "instance"]
    search_fields = ["policy__name"]
    fields = [
        "policy", "number", "state", "trial", "rules", "weights", "thresholds", "created_by", "activated_at", "version",
    ]  # fmt: skip
    help_texts = {
        "rules": "A list of rules as JSON; docs/routing-rules.md describes them.",
        "weights": 'How much each factor counts, from 0 to 5, like {"workload": 0.5}.',
        "thresholds": 'How sure Hopper must be, like {"confidence": 0.6}.',
    }
    readonly_fields = ["number", "state", "trial", "created_by", "activated_at", "version"]
    ordering = ["-created_at", "-pk"]
    actions = ["activate"]

    @display(description="Decides for", ordering="instance__name")
    def place(self, version: PolicyVersion) -> str:
        return str(version.instance or "the whole house")

    @display(description="State", ordering="state", label=STATE_COLOURS)
    def standing(self, version: PolicyVersion) -> tuple[str, str]:
        return version.state, version.get_state_display()

    @display(description="Try it")
    def trial(self, version: PolicyVersion) -> SafeString:
        url = reverse("policy-trial", args=[version.pk])
        return format_html('<a class="hopper-link" href="{}">Changes, backtest, shadow</a>', url)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj and obj.state != PolicyVersion.State.DRAFT:
            return [*self.readonly_fields, "policy", "rules", "weights", "thresholds"]
        return [*self.readonly_fields, "policy"] if obj else self.readonly_fields

    def create_row(self, *, actor: str, **fields: Any) -> PolicyVersion:
        return operations.create_version(actor=actor, **fields)

    def change_row(self, row: PolicyVersion, *, actor: str, **changes: Any) -> PolicyVersion:
        return operations.change_version(version=row, actor=actor, **changes)

    def delete_row(self, row: PolicyVersion, *, actor: str) -> None:
        operations.delete_version(version=row, actor=actor)

    @admin.action(description="Put in force (one version)", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        actor = request.user.get_username()
        done = self.act(request, queryset[:1], lambda row: operations.activate_version(version=row, actor=actor))
        if done:
            self.message_user(request, "The version is in force; tasks in review are routed anew.")


def _trial_of(version_id: str, text: str) -> SafeString:
    return format_html('<a class="hopper-link" href="{}">{}</a>', reverse("policy-trial", args=[version_id]), text)


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    """Reports of what versions would have done."""

    list_display = ["tried", "replayed", "moved", "better", "worse", "unknown", "created_by", "created_at"]
    list_select_related = ["policy_version__policy"]
    fields = ["tried", "policy_version", "baseline", "report", "content_hash", "created_by", "created_at"]
    ordering = ["-created_at", "-pk"]

    @display(description="Version")
    def tried(self, row: Backtest) -> SafeString:
        return _trial_of(row.policy_version_id, str(row.policy_version))

    def replayed(self, row: Backtest) -> int | None:
        return row.report.get("decisions")

    def moved(self, row: Backtest) -> int | None:
        return row.report.get("moved")

    def better(self, row: Backtest) -> int | None:
        return row.report.get("better")

    def worse(self, row: Backtest) -> int | None:
        return row.report.get("worse")

    def unknown(self, row: Backtest) -> int | None:
        return row.report.get("unknown")


@admin.register(ShadowChoice)
class ShadowChoiceAdmin(ReadOnlyAdmin):
    """What the version in shadow would have done, decision by decision."""

    list_display = ["created_at", "task", "policy_version", "place", "live", "sure"]
    list_select_related = ["policy_version__policy", "episode__task"]
    search_fields = ["project"]
    fields = ["task", "policy_version", "place", "live", "sure", "scores", "created_at"]
    ordering = ["-created_at", "-pk"]

    @display(description="Task")
    def task(self, row: ShadowChoice) -> Any:
        task = row.episode.task
        return link_to_key("tasks.task", task.pk, str(task)) if task else None

    @display(description="It chose")
    def place(self, row: ShadowChoice) -> str:
        return row.project or "a person"

    @display(description="Live choice")
    def live(self, row: ShadowChoice) -> str:
        return row.episode.chosen_project or "a person"

    @display(description="Confidence", ordering="confidence")
    def sure(self, row: ShadowChoice) -> str | None:
        return percent(row.confidence)


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """Rules that learned patterns suggest; the actions are the answers."""

    list_display = ["__str__", "destination", "standing", "moved", "better", "worse", "settled_by", "created_at"]
    list_filter = ["state"]
    search_fields = ["pattern__name"]
    fields = ["rule", "state", "pattern", "report", "draft", "settled_by", "created_at", "updated_at"]
    ordering = ["-created_at", "-pk"]
    actions = ["accept", "dismiss"]

    @display(description="Goes to")
    def destination(self, proposal: Proposal) -> str | None:
        return proposal.rule.get("project")

    @display(description="State", ordering="state", label=ANSWER_COLOURS)
    def standing(self, proposal: Proposal) -> tuple[str, str]:
        return proposal.state, proposal.get_state_display()

    def moved(self, proposal: Proposal) -> int | None:
        return proposal.report.get("moved")

    def better(self, proposal: Proposal) -> int | None:
        return proposal.report.get("better")

    def worse(self, proposal: Proposal) -> int | None:
        return proposal.report.get("worse")

    @admin.action(description="Accept: write the rule into a draft", permissions=["answer"])
    def accept(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._settle(request, queryset, operations.accept_proposal, "accepted; try the draft, then put it in force")

    @admin.action(description="Dismiss", permissions=["answer"])
    def dismiss(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._settle(request, queryset, operations.dismiss_proposal, "dismissed")

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may change proposals, though no form does."""
        return request.user.has_perm("routing.change_proposal")

    def _settle(self, request: HttpRequest, queryset: models.QuerySet, settle: Any, past: str) -> None:
        actor = request.user.get_username()
        done = self.act(request, queryset, lambda row: settle(proposal=row, actor=actor))
        if done:
            self.message_user(request, f"{done} {past}.")
