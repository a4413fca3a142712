"""What is swept: deliveries that are long done."""

from celery import shared_task

from hopper.events import operations


@shared_task(name="events.purge_deliveries")
def purge_deliveries() -> int:
    """Forget what was delivered long ago."""
    return operations.purge_deliveries()
