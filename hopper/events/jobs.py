"""What the clock does to the log: positions for new events; and what is swept: deliveries that are long done."""

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
