"""Hopper's settings with Celery as it comes: a job is forgotten when it begins. For test_workers.py."""

from hopper.settings import *  # noqa: F403

CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
