from typing import Any

from django.contrib import admin

from hopper.common.admin import OperatedAdmin, ReadOnlyAdmin
from sync import operations
from sync.models import ExternalMapping, GraphCheck


@admin.register(ExternalMapping)
class MappingAdmin(OperatedAdmin):
    """Counterparts on other platforms."""

    list_display = ["external_id", "platform", "task", "created_at"]
    list_filter = ["platform"]
    list_select_related = ["task"]
    search_fields = ["external_id", "task__title"]
    autocomplete_fields = ["task"]
    ordering = ["-created_at", "-pk"]
    fields = ["task", "platform", "external_id", "external_url", "version"]

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[str]:
        return ["task", "platform", "version"] if obj else ["version"]

    def create_row(self, *, actor: str, **fields: Any) -> ExternalMapping:
        return operations.create_mapping(actor=actor, **fields)

    def change_row(self, row: ExternalMapping, *, actor: str, **changes: Any) -> ExternalMapping:
        return operations.change_mapping(mapping=row, actor=actor, **changes)

    def delete_row(self, row: ExternalMapping, *, actor: str) -> None:
        operations.delete_mapping(mapping=row, actor=actor)


@admin.register(GraphCheck)
class GraphCheckAdmin(ReadOnlyAdmin):
    """How the graph compared with the rows, the last check first."""

    list_display = ["created_at", "found", "left", "skipped", "seconds"]
    ordering = ["-created_at", "-pk"]
    fields = ["created_at", "found", "left", "skipped", "seconds", "differences"]
