import json
from collections import Counter
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from tree_queries.admin import TreeChangeList
from unfold.decorators import display

from hopper.common.admin import OperatedAdmin
from hopper.common.db.graph import MAX_DEPTH
from instances import operations
from instances.config import effective_config
from instances.models import Instance

STATUS_COLOURS = {
    "created": "info", "active": "success", "paused": "warning", "closing": "danger", "terminated": "default",
}  # fmt: skip
WHOLE_TREE = 100  # instances that are shown at once; of a larger tree the next levels (a row costs 3 ms to draw)
LEVELS = 2


class BranchFilter(admin.SimpleListFilter):
    """Lets `?branch=` into the address of the list; the links in it lead there."""

    title = "branch"
    parameter_name = "branch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return []

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset


class BranchList(TreeChangeList):
    """The tree, or of a large one a branch with the way to it; each row with the open work of its whole branch."""

    result_list: Any
    branch: Instance | None = None
    is_cut = False  # to some levels

    def get_queryset(self, request: HttpRequest, *args: Any) -> Any:
        self.root_queryset = self._shown(request).with_open_work().with_children()
        return super().get_queryset(request, *args)

    def _shown(self, request: HttpRequest) -> Any:
        key = request.GET.get(BranchFilter.parameter_name, "").replace("\x00", "")
        narrowed = request.GET.keys() - {BranchFilter.parameter_name, "p"}
        if narrowed or (not key and Instance.objects.count() <= WHOLE_TREE):
            return Instance.objects.in_tree_order()
        self.is_cut, self.branch = True, Instance.objects.filter(pk=key).first() if key else None
        return Instance.objects.seen_from([key] if key else [], depth=LEVELS)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        open_in = _open_work_by_branch()
        for row in self.result_list:
            row.open_in_branch = open_in[row.pk]


def _open_work_by_branch() -> Counter[str]:
    """Count the open tasks in the whole branch of each instance: two queries, summed up on the way to the root."""
    parents = dict(Instance.objects.values_list("pk", "parent"))
    found: Counter[str] = Counter()
    for key, number in Instance.objects.where_work_is_open().values_list("pk", "n"):
        for _ in range(MAX_DEPTH):
            found[key] += number
            key = parents.get(key)
            if key is None:
                break
    return found


@admin.register(Instance)
class InstanceAdmin(OperatedAdmin):
    """Browse the tree with its open work; start, pause and end instances without leaving the list."""

    list_display = ["branch", "level", "state", "instance_type", "children", "open_tasks", "below"]
    list_filter = ["scope", "status", "instance_type", BranchFilter]
    search_fields = ["name", "description"]
    autocomplete_fields = ["parent"]
    readonly_fields = ["status", "closing", "created_by", "created_at", "updated_at", "terminated_at", "version"]
    list_before_template = "admin/instances/instance/branch.html"
    change_form_outer_before_template = "admin/instances/instance/standing.html"
    change_form_outer_after_template = "admin/instances/instance/settings.html"
    fieldsets = [
        (None, {"fields": ["name", "scope", "parent", "instance_type", "expires_at", "description", "id"]}),
        ("Settings", {"fields": ["config"]}),
        ("Life", {"fields": readonly_fields}),
    ]
    help_texts = {
        "id": "A short one like sark is easy to read; it never changes.",
        "config": 'JSON like {"max_concurrent_tasks": 4, "confidence_threshold": 0.7}; the rest is inherited.',
        "expires_at": "Only for a temporary instance: it ends then, and what is left goes back to routing.",
    }
    actions = ["start", "pause", "resume", "drain", "terminate"]
    list_per_page = WHOLE_TREE
    list_max_show_all = WHOLE_TREE

    class Media:
        js = ("instances/tree.js",)
        css = {"all": ["instances/tree.css"]}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TreeChangeList]:
        return BranchList

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return Instance.objects.order_by("name", "pk")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> Any:
        return super().render_change_form(request, {**context, **_standing(kwargs.get("obj"))}, **kwargs)

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
        if instance.closing:
            return "closing", "Closing"
        return instance.status, instance.get_status_display()

    @admin.display(description="Children")
    def children(self, instance: Any) -> SafeString | str:
        """How many live directly below, with the way to them."""
        if not instance.children_count:
            return ""
        there = urlencode({BranchFilter.parameter_name: instance.pk})
        return format_html('<a class="hopper-link" href="?{}">{} below</a>', there, instance.children_count)

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

    @admin.action(description="Drain selected instances…", permissions=["change"])
    def drain(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse:
        return _ask(queryset, "drain")

    @admin.action(description="Terminate selected instances…", permissions=["change"])
    def terminate(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse:
        return _ask(queryset, "terminate")


def _ask(rows: models.QuerySet, verb: str) -> HttpResponse:
    """Lead to the page that shows what is open there, and asks what shall happen to it."""
    keys = list(rows.values_list("pk", flat=True))
    return redirect(f"{reverse('end-instances')}?{urlencode({'verb': verb, 'id': keys}, doseq=True)}")


def _standing(instance: Instance | None) -> dict[str, Any]:
    """Return what the page of an instance shows beside its form: three queries."""
    if instance is None:
        return {}
    path = {row.pk: row for row in Instance.objects.path_to(instance.pk)}
    way = [instance]
    while way[0].parent_id in path and len(way) < len(path):
        way.insert(0, path[way[0].parent_id])
    branch = Instance.objects.in_branches([instance.pk])
    settings = effective_config(instance.pk, path.values())
    return {
        "way": way[:-1],
        "colour": STATUS_COLOURS["closing" if instance.closing else instance.status],
        "work": sorted(branch.work_by_status().values_list("tasks__status", "n")),
        "below": branch.living().count() - (instance.status != Instance.Status.TERMINATED),
        "settings": [(name, setting.value, path[setting.origin]) for name, setting in settings.items()],
    }
