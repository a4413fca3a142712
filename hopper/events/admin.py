"""The log in the admin."""

from collections import Counter
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.text import Truncator
from unfold.decorators import display

from hopper.common.admin import ReadOnlyAdmin, link_to, link_to_key
from hopper.events.models import Delivery, Event, Outage
from hopper.events.operations import NotDead, retry_delivery

WAITING = "will be tried again."
OVERTAKEN = "settled: newer news of the same row is on its way, and brings it as it is now."
NOT_DEAD = "left alone: only what was given up can be tried again."
TRIED_AGAIN = {WAITING: messages.SUCCESS, OVERTAKEN: messages.SUCCESS, NOT_DEAD: messages.WARNING}
SHOWN = 140
COLOURS = {"pending": "info", "leased": "primary", "done": "success", "dead": "danger"}


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


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """News on its way; what was given up can be tried again."""

    list_display = ["consumer", "subject", "version", "state", "attempts", "why", "created_at"]
    list_filter = ["status", "consumer"]
    list_before_template = "admin/events/outages.html"
    search_fields = ["aggregate_id", "last_error"]
    ordering = ["-id"]
    actions = ["try_again"]

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whoever may change deliveries may let one be tried again, and nothing else."""
        return request.user.has_perm("events.change_delivery")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Say above the list whose other side is away."""
        away = {"away": Outage.objects.order_by("consumer")}
        return super().changelist_view(request, {**(extra_context or {}), **away})

    @display(description="Last error")
    def why(self, delivery: Delivery) -> str | None:
        """The beginning of what went wrong last; its own page has all of it."""
        return delivery.last_error and Truncator(delivery.last_error).chars(SHOWN)

    @display(description="About")
    def subject(self, delivery: Delivery) -> str:
        """The row, by kind and key, and its page if it has one."""
        kind, key = delivery.aggregate_type, delivery.aggregate_id
        text = f"{kind.partition('.')[2]} {key}"
        try:
            return link_to_key(kind, key, text)
        except NoReverseMatch:
            return text

    @display(description="Status", ordering="status", label=COLOURS)
    def state(self, delivery: Delivery) -> tuple[str, str]:
        """Where it stands; a leased one with an error waits to be tried again."""
        return delivery.status, delivery.get_status_display()

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        """Let dead deliveries be carried once more, and say what became of each."""
        came = Counter(_tried_again(delivery) for delivery in chosen)
        for text, level in TRIED_AGAIN.items():
            if count := came[text]:
                self.message_user(request, f"{count} {text}", level)


def _tried_again(delivery: Delivery) -> str:
    try:
        fresh = retry_delivery(delivery=delivery)
    except NotDead:
        return NOT_DEAD
    return OVERTAKEN if fresh.status == Delivery.Status.DONE else WAITING
