"""What is swept: instances whose work or time is over."""

from celery import shared_task

from tasks import operations


@shared_task(name="tasks.settle_instances")
def settle_instances() -> dict[str, int]:
    """End instances that were made for one run or for a time, and those that wait for their last task."""
    return operations.settle_instances()
