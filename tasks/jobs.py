"""What is swept: leases that ran out, and tasks that waited too long."""

from celery import shared_task

from tasks import operations


@shared_task(name="tasks.reap_leases")
def reap_leases() -> int:
    """Return tasks whose executor is gone."""
    return operations.reap_leases()


@shared_task(name="tasks.promote_aged")
def promote_aged() -> int:
    """Let whoever waited too long go first."""
    return operations.promote_aged()
