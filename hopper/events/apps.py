from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The log: everything that happens is an event, written in the transaction of the change."""

    name = "hopper.events"
    label = "events"
