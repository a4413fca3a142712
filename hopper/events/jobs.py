"""What is done by the clock: new events get their positions, and deliveries that are long done are forgotten."""

from celery import shared_task

from hopper.events import operations


@shared_task(name="events.purge_deliveries")
def purge_deliveries() -> int:
    """Forget what was delivered long ago."""
    return operations.purge_deliveries()


@shared_task(name="events.stamp_positions")
def stamp_positions() -> int:
    """Give new events their place in the log."""
    return operations.stamp_positions()
