"""What is swept: leases that ran out, tasks whose time runs out, instances whose work or time is over."""

from celery import shared_task

from tasks import operations


@shared_task(name="tasks.reap_leases")
def reap_leases() -> int:
    """Return tasks whose executor is gone."""
    return operations.reap_leases()


@shared_task(name="tasks.claim_for_projects")
def claim_for_projects() -> int:
    """Take what has become ready for projects that claim at once."""
    return operations.claim_for_projects()


@shared_task(name="tasks.promote_aged")
def promote_aged() -> int:
    """Let whoever waited too long go first."""
    return operations.promote_aged()


@shared_task(name="tasks.escalate")
def escalate() -> dict[str, int]:
    """Do what the rules say about tasks whose time runs out."""
    return operations.escalate_tasks()


@shared_task(name="tasks.settle_instances")
def settle_instances() -> dict[str, int]:
    """End instances that were made for one run or for a time, and those that wait for their last task."""
    return operations.settle_instances()
