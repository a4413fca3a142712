from django.apps import AppConfig


class SyncConfig(AppConfig):
    """What ties tasks to the world outside."""

    name = "sync"
