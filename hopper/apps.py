from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class HopperConfig(AppConfig):
    """The top of the house: settings, addresses, the schedule and the commands."""

    name = "hopper"

    def ready(self) -> None:
        autodiscover_modules("jobs")  # so that a doorbell finds its job in every process
