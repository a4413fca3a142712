from django.apps import AppConfig


class HopperConfig(AppConfig):
    """The top of the house: settings, addresses, the schedule and the commands."""

    name = "hopper"
