"""Consumers of events: each of them, in order per row, with the first that failed at the head of its line."""

import pytest

from hopper.events.models import Delivery
from hopper.events.operations import DeliveryFailed, retry_delivery
from hopper.events.operations.carrying import MOST_ATTEMPTS
from hopper.events.tests.sinks import Sink, make_due
from tasks.operations import change_task, submit_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ordered(settings):
    settings.CONSUMERS = {"task.stored": ["ordered"], "task.changed": ["ordered", "embedding"]}
    settings.CARRIES = {"ordered": "event"}


def change(*titles):
    """Return a task that was given these titles one after the other."""
    task = submit_task(title="a", route=False, actor="ada")
    for title in titles:
        task = change_task(task=task, title=title, actor="ada")
    return task


def of_events():
    return Sink(consumer="ordered")


def kill_first():
    """Fail the head of the line until it is given up; return it."""
    for _ in range(MOST_ATTEMPTS):
        Sink(DeliveryFailed("no"), consumer="ordered").drain(batch=1, limit=1)
        make_due()
    return Delivery.objects.dead().get()


class TestAConsumerOfEvents:
    def test_is_carried_every_one_in_order(self):
        one, other, sink = change("b", "c"), change("d"), of_events()
        assert sink.drain() == 5
        assert [version for key, version in sink.seen if key == one.pk] == [1, 2, 3]
        assert [version for key, version in sink.seen if key == other.pk] == [1, 2]

    def test_stands_beside_one_of_state(self):
        change("b", "c")
        assert Delivery.objects.filter(consumer="ordered", carries="event").count() == 3
        assert Delivery.objects.get(consumer="embedding").version == 3

    def test_never_gets_two_of_one_row_at_once(self):
        change("b", "c"), change("d")
        sink = of_events()
        sink.drain()
        assert sink.calls == [2, 2, 1]

    def test_waits_for_the_one_that_failed(self):
        task, sink = change("b"), of_events()
        sink.errors = [DeliveryFailed("no")]
        assert [sink.drain(), sink.drain()] == [0, 0]
        make_due()
        assert sink.drain() == 2
        assert sink.seen == [(task.pk, 1), (task.pk, 2)]

    def test_is_blocked_by_a_dead_one_for_that_row_alone(self):
        task = change("b")
        assert kill_first().version == 1
        other, sink = change(), of_events()
        assert sink.drain() == 1
        assert sink.seen == [(other.pk, 1)]
        change_task(task=task, title="c", actor="ada")
        assert sink.drain() == 0

    def test_goes_on_in_order_when_the_dead_one_is_tried_again(self):
        task = change("b", "c")
        assert retry_delivery(delivery=kill_first()).status == "pending"
        sink = of_events()
        assert sink.drain() == 3
        assert sink.seen == [(task.pk, 1), (task.pk, 2), (task.pk, 3)]
