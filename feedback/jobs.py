"""What is swept here: the lessons that nobody gives."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from feedback import operations


@shared_task(name="feedback.learn_from_work")
def learn_from_work(hours: int = 1) -> int:
    """Draw weak lessons from what became of the work of the last hours."""
    return operations.learn_from_work(since=timezone.now() - timedelta(hours=hours))
