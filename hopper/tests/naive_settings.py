"""Hopper's settings with what one would have written first beside what it does, for tests that start processes.

Celery as it comes, where a job is forgotten when it begins, for test_workers.py; naive claims for test_executors.py.
"""

from hopper.settings import *  # noqa: F403

CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
ROOT_URLCONF = "tasks.tests.naive_urls"
