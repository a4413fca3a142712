"""Waking workers: after the commit, without words, and never a flood. The broker here is Celery's in memory."""

import pytest
from celery import current_app
from django.db import transaction

from tasks.operations import change_task, create_tasks, submit_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(settings):
    """Give the queue that workers read, empty, while a Redis seems to be configured."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with current_app.connection_for_read() as broker, broker.SimpleQueue("celery") as queue:
        queue.clear()
        yield queue
        queue.clear()


def submit():
    return submit_task(title="a", route=False, actor="ada")


class TestNewsForAConsumer:
    def test_wakes_its_job_without_words(self, queue, run_jobs):
        run_jobs(submit)
        message = queue.get_nowait()
        assert message.headers["task"] == "routing.embed_waiting"
        assert message.payload[:2] == [[], {}]

    @pytest.mark.parametrize(
        "work",
        [
            lambda: change_task(task=submit(), title="b", actor="ada"),
            lambda: create_tasks(rows=[{"title": str(n)} for n in range(600)], actor="ada"),
        ],
    )
    def test_wakes_it_once_for_all_that_one_transaction_has(self, queue, run_jobs, work):
        run_jobs(work)
        assert queue.qsize() == 1

    def test_that_is_rolled_back_wakes_nobody(self, queue, run_jobs):
        def fail():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                submit()
                raise ZeroDivisionError

        run_jobs(fail)
        assert queue.qsize() == 0

    def test_without_a_broker_is_left_to_the_relay(self, queue, settings, run_jobs):
        settings.REDIS_URL = ""
        run_jobs(submit)
        assert queue.qsize() == 0

    def test_that_nobody_is_to_be_woken_for_is_left_to_the_poll(self, queue, settings, run_jobs):
        settings.WAKES = {}
        run_jobs(submit)
        assert queue.qsize() == 0
