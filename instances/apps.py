from django.apps import AppConfig


class InstancesConfig(AppConfig):
    """The tree of Hoppers."""

    name = "instances"
