import json
from collections import Counter
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from tree_queries.admin import TreeChangeList
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin
from instances import operations
from instances.models import Instance

STATUS_COLOURS = {"created": "info", "active": "success", "paused": "warning", "terminated": "default"}


class BranchList(TreeChangeList):
    """The tree with `open_in_branch`, the open work of each row and of the rows shown below it."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        open_in: Counter[str] = Counter()
        for row in self.result_list:
            for key in row.tree_path:
                open_in[key] += row.open_tasks
        for row in self.result_list:
            row.open_in_branch = open_in[row.pk]


@admin.register(Instance)
class InstanceAdmin(OperatedAdmin):
    """Browse the tree with its open work; pause a branch without leaving the list."""

    list_display = ["branch", "level", "state", "instance_type", "open_tasks", "below"]
    list_filter = ["scope", "status", "instance_type"]
    search_fields = ["name", "description"]
    autocomplete_fields = ["parent"]
    readonly_fields = ["status", "created_by", "created_at", "updated_at", "terminated_at", "version"]
    fieldsets = [
        (None, {"fields": ["name", "scope", "parent", "instance_type", "description", "id"]}),
        ("Settings", {"fields": ["config"]}),
        ("Life", {"fields": readonly_fields}),
    ]
    help_texts = {
        "id": "A short one like sark is easy to read; it never changes.",
        "config": 'JSON like {"max_concurrent_tasks": 4, "confidence_threshold": 0.7}.',
    }
    actions = ["start", "pause", "resume", "terminate"]
    list_per_page = 1000
    list_max_show_all = 1000

    class Media:
        js = ("instances/tree.js",)
        css = {"all": ["instances/tree.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TreeChangeList]:
        return BranchList

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return Instance.objects.in_tree_order().with_open_work()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, "id"] if obj else self.readonly_fields

    @admin.display(description="Instance")
    def branch(self, instance: Any) -> SafeString:
        """The name, indented by its depth, with a toggle that tree.js shows where there is something below."""
        return format_html(
            '<span class="tree-branch" data-key="{}" data-path="{}" style="--depth: {}">'
            '<button type="button" class="tree-toggle" aria-label="Collapse or expand {}"></button>{}</span>',
            instance.pk, json.dumps(instance.tree_path[:-1]), instance.tree_depth, instance.name, instance.name,
        )  # fmt: skip

    @display(description="Scope", label=True)
    def level(self, instance: Any) -> str:
        return instance.get_scope_display()

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, instance: Any) -> tuple[str, str]:
        return instance.status, instance.get_status_display()

    @admin.display(description="Open tasks")
    def open_tasks(self, instance: Any) -> int:
        return int(instance.open_tasks)

    @admin.display(description="With those below")
    def below(self, instance: Any) -> int:
        return int(instance.open_in_branch)

    def create_row(self, *, actor: str, **fields: Any) -> Instance:
        return operations.create_instance(actor=actor, **fields)

    def change_row(self, row: Instance, *, actor: str, **changes: Any) -> Instance:
        return operations.change_instance(instance=row, actor=actor, **changes)

    def delete_row(self, row: Instance, *, actor: str) -> None:
        operations.delete_instance(instance=row, actor=actor)

    def _each(self, request: HttpRequest, queryset: models.QuerySet, verb: Any, past: str) -> None:
        actor = request.user.get_username()
        done = self.act(request, queryset, lambda row: verb(instance=row, actor=actor))
        if done:
            self.message_user(request, f"{done} {past}.")

    @admin.action(description="Start selected instances", permissions=["change"])
    def start(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._each(request, queryset, operations.start_instance, "started")

    @admin.action(description="Pause selected instances", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._each(request, queryset, operations.pause_instance, "paused")

    @admin.action(description="Resume selected instances", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._each(request, queryset, operations.resume_instance, "resumed")

    @admin.action(description="Terminate selected instances", permissions=["change"])
    def terminate(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self._each(request, queryset, operations.terminate_instance, "terminated")
