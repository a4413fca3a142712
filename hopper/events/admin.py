"""The log in the admin."""

from typing import Any

from django.apps import apps
from django.contrib import admin

from hopper.common.admin import ReadOnlyAdmin, link_to
from hopper.events.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, newest first."""

    list_display = ["occurred_at", "type", "aggregate_type", "aggregate_id", "version", "actor"]
    list_filter = ["type", "aggregate_type"]
    search_fields = ["aggregate_id", "actor"]
    ordering = ["-id"]
    fields = [
        "occurred_at",
        "type",
        "actor",
        "subject",
        "aggregate_type",
        "aggregate_id",
        "version",
        "payload",
        "event_id",
    ]

    @admin.display(description="About")
    def subject(self, event: Event) -> Any:
        """The row itself, while it exists."""
        rows = apps.get_model(event.aggregate_type)._default_manager
        return link_to(rows.filter(pk=event.aggregate_id).first())
