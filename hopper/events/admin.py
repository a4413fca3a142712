"""The log in the admin."""

from django.contrib import admin

from hopper.common.admin import ReadOnlyAdmin
from hopper.events.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, newest first."""

    list_display = ["occurred_at", "type", "aggregate_type", "aggregate_id", "version", "actor"]
    list_filter = ["type", "aggregate_type"]
    search_fields = ["aggregate_id", "actor"]
    ordering = ["-id"]
