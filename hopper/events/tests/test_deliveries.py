"""The outbox: what is committed is carried at least once, in order, and never by two at a time."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from hopper.events.models import Delivery
from hopper.events.operations import DeliveryFailed, NotDead, drain, purge_deliveries, retry_delivery
from hopper.events.operations.carrying import MOST_ATTEMPTS
from hopper.events.tests.sinks import CONSUMER, Sink, make_due
from tasks.operations import change_task, create_tasks, submit_task

pytestmark = pytest.mark.django_db


def submit(title="a"):
    return submit_task(title=title, route=False, actor="ada")


class TestAChange:
    def test_schedules_a_delivery_in_its_transaction(self):
        task = submit()
        delivery = Delivery.objects.get()
        assert (delivery.aggregate_type, delivery.aggregate_id, delivery.version) == ("tasks.task", task.pk, 1)
        assert delivery.event.type == "task.stored"
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            submit()
            raise ZeroDivisionError
        assert Delivery.objects.count() == 1

    def test_moves_the_pending_delivery_of_its_row_up(self):
        task = submit()
        for title in ("b", "c"):
            change_task(task=task, title=title, actor="ada")
        delivery = Delivery.objects.get()
        assert (delivery.version, delivery.event.type) == (3, "task.changed")

    def test_schedules_many_at_once(self):
        tasks = create_tasks(rows=[{"title": str(n)} for n in range(7)], actor="ada")
        assert set(Delivery.objects.values_list("aggregate_id", flat=True)) == {task.pk for task in tasks}

    def test_while_its_delivery_is_carried_waits_for_the_next(self):
        task, sink = submit(), Sink()

        def carry(deliveries):
            change_task(task=task, title="b", actor="ada")
            sink(deliveries)
            assert drain(CONSUMER, sink, batch=10) == 0  # the older one is still under way

        assert drain(CONSUMER, carry, batch=10, limit=1) == 1
        assert sink.drain() == 1
        assert sink.seen == [(task.pk, 1), (task.pk, 2)]


class TestDraining:
    def test_takes_in_each_delivery_once(self):
        tasks, sink = [submit() for _ in range(5)], Sink()
        assert [sink.drain(batch=2), sink.drain()] == [5, 0]
        assert sink.seen == [(task.pk, 1) for task in tasks]
        assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}

    def test_stops_at_its_limit(self):
        for _ in range(5):
            submit()
        assert Sink().drain(limit=3) == 3

    def test_tries_again_after_a_pause(self):
        submit()
        sink = Sink(DeliveryFailed("no"))
        assert [sink.drain(), sink.drain()] == [0, 0]
        failed = Delivery.objects.get()
        assert (failed.status, failed.attempts, failed.last_error) == ("leased", 1, "no")
        assert failed.lease_until > timezone.now()
        make_due()
        assert sink.drain() == 1

    def test_waits_as_long_as_it_is_asked_to(self):
        submit()
        Sink(DeliveryFailed("busy", retry_after=600)).drain()
        pause = Delivery.objects.get().lease_until - timezone.now()
        assert timedelta(seconds=400) < pause < timedelta(seconds=800)

    @pytest.mark.parametrize("error", [DeliveryFailed("bad row"), ValueError("bad row")])
    def test_tries_a_refused_batch_in_halves_until_the_bad_row_is_alone(self, error):
        tasks, seen, calls = [submit() for _ in range(16)], [], []
        bad = tasks[5].pk

        def carry(deliveries):
            calls.append(len(deliveries))
            if any(delivery.aggregate_id == bad for delivery in deliveries):
                raise error
            seen.extend(delivery.aggregate_id for delivery in deliveries)

        assert drain(CONSUMER, carry, batch=16) == 15
        assert seen == [task.pk for task in tasks if task.pk != bad]
        assert len(calls) == 9
        failed = Delivery.objects.get(aggregate_id=bad)
        assert (failed.status, failed.attempts) == ("leased", 1)
        assert failed.last_error.endswith("bad row")

    def test_says_what_may_have_been_taken_in_before(self):
        told = []

        def carry(deliveries):
            told.append([delivery.is_repeated for delivery in deliveries])
            if len(deliveries) > 1:
                raise DeliveryFailed("one at a time")

        submit(), submit()
        assert drain(CONSUMER, carry, batch=2) == 2
        assert told == [[False, False], [True], [True]]

    def test_asks_no_more_of_a_batch_once_the_other_side_is_away(self):
        for _ in range(8):
            submit()
        sink = Sink(DeliveryFailed("bad row"), DeliveryFailed("away", is_outage=True))
        assert sink.drain() == 0
        assert sink.seen == []
        assert set(Delivery.objects.values_list("last_error", "attempts")) == {("away", 0)}

    def test_gives_up_after_the_last_attempt(self):
        submit()
        for _ in range(MOST_ATTEMPTS):
            Sink(DeliveryFailed("no")).drain()
            make_due()
        assert Delivery.objects.get().status == "dead"
        assert Sink().drain() == 0

    def test_leaves_a_delivery_that_another_worker_took_over(self):
        submit()

        def slow(deliveries):
            Delivery.objects.update(fence=99)  # the lease ran out, and another worker leased it anew

        assert drain(CONSUMER, slow, batch=10) == 0
        assert Delivery.objects.get().status == "leased"

    def test_delivers_no_half_that_another_worker_took_over_meanwhile(self):
        tasks, sink = [submit() for _ in range(4)], Sink()
        lost = [task.pk for task in tasks[1:3]]

        def slow(deliveries):
            if len(deliveries) == 4:
                Delivery.objects.filter(aggregate_id__in=lost).update(fence=99)
                raise DeliveryFailed("after the lease had run out")
            sink(deliveries)

        assert drain(CONSUMER, slow, batch=4) == 2
        assert sink.seen == [(tasks[0].pk, 1), (tasks[3].pk, 1)]
        assert set(Delivery.objects.filter(status="leased").values_list("aggregate_id", flat=True)) == set(lost)

    def test_takes_over_from_a_worker_that_died(self):
        submit()

        def die(deliveries):
            raise SystemExit

        with pytest.raises(SystemExit):
            drain(CONSUMER, die, batch=10)
        assert Sink().drain() == 0
        make_due()
        assert Sink().drain() == 1


class TestADeadDelivery:
    @pytest.fixture
    def dead(self):
        submit()
        Delivery.objects.update(status="dead", attempts=MOST_ATTEMPTS)
        return Delivery.objects.get()

    @pytest.fixture
    def newer(self, dead):
        return Delivery.objects.create(
            consumer=CONSUMER, carries="state", aggregate_type="tasks.task", aggregate_id=dead.aggregate_id, version=2
        )

    def test_can_be_tried_again(self, dead):
        assert retry_delivery(delivery=dead).status == "pending"
        assert Sink().drain() == 1
        with pytest.raises(NotDead):
            retry_delivery(delivery=dead)

    def test_is_settled_by_a_newer_one_that_waits(self, dead, newer):
        assert retry_delivery(delivery=dead).status == "done"
        assert Sink().drain() == 1
        assert not Delivery.objects.undone().exists()

    def test_is_overtaken_by_a_newer_one_that_was_taken_in(self, dead, newer):
        other = submit()
        Delivery.objects.filter(aggregate_id=other.pk).update(status="dead")
        assert Sink().drain() == 1
        assert Delivery.objects.dead().get().aggregate_id == other.pk

    def test_is_tried_again_in_the_admin_which_says_what_became_of_each(self, dead, newer, admin_client):
        other = submit()
        Delivery.objects.filter(aggregate_id=other.pk).update(status="dead")
        chosen = list(Delivery.objects.values_list("pk", flat=True))
        page = admin_client.post(
            "/admin/events/delivery/", {"action": "try_again", "_selected_action": chosen}, follow=True
        )
        assert Delivery.objects.get(aggregate_id=other.pk).status == "pending"
        assert [str(message) for message in page.context["messages"]] == [
            "1 will be tried again.",
            "1 settled: newer news of the same row is on its way, and brings it as it is now.",
            "1 left alone: only what was given up can be tried again.",
        ]


class TestPurging:
    def test_forgets_what_was_delivered_a_week_ago(self):
        submit()
        Sink().drain()
        assert purge_deliveries() == 0
        assert purge_deliveries(now=timezone.now() + timedelta(days=8)) == 1
