"""The breaker: an outage burns no attempts and costs a probe every 30 seconds; when it is over everything flows."""

from datetime import timedelta

import pytest
from django.db.models import Max
from django.utils import timezone

from hopper.events.models import Delivery, Outage
from hopper.events.operations import DeliveryFailed
from hopper.events.tests.sinks import CONSUMER, Sink, make_due, pass_time
from tasks.operations import create_tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def away():
    """Let a hundred deliveries meet a consumer that is away."""
    create_tasks(rows=[{"title": str(n)} for n in range(100)], actor="ada")
    sink = Sink(DeliveryFailed("connection refused", is_outage=True))
    assert sink.drain() == 0
    return sink


def still_away():
    return Sink(DeliveryFailed("still refused", is_outage=True))


class TestAnOutage:
    def test_lets_nothing_through_and_blames_no_delivery(self, away):
        assert away.drain() == 0
        assert away.calls == [10]
        assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
        assert Delivery.objects.filter(last_error="connection refused").count() == 10
        assert Outage.objects.get().last_error == "connection refused"

    def test_of_two_hours_costs_one_delivery_every_thirty_seconds(self, away):
        since, probes = Outage.objects.get().created_at, 0
        for step in range(240):
            pass_time(30)
            for sink in [still_away() for _ in range(1 if step % 20 else 3)]:  # workers
                sink.drain()
                assert sink.calls in ([], [1])
                probes += len(sink.calls)
        assert probes == 240
        assert Outage.objects.get().created_at == since - timedelta(hours=2)
        assert Outage.objects.get().last_error == "still refused"
        assert not Delivery.objects.dead().exists()
        assert Delivery.objects.aggregate(most=Max("attempts"))["most"] == 0

    def test_ends_with_the_first_success_and_everything_flows_at_once(self, away):
        pass_time(30)
        sink = Sink()
        assert sink.drain() == 100
        assert sink.calls == [1, *[10] * 9, 9]
        assert not Outage.objects.exists()

    def test_ends_when_the_other_side_answers_even_if_it_refuses_that_one(self, away):
        pass_time(30)
        assert Sink(DeliveryFailed("not this one")).drain() == 99

    def test_of_one_consumer_holds_up_no_other(self, away):
        Delivery.objects.filter(pk=Delivery.objects.last().pk).update(consumer="other")
        assert Sink(consumer="other").drain() == 1

    def test_waits_with_its_probe_until_there_is_something_to_carry(self, away):
        pass_time(30)
        Delivery.objects.update(available_at=timezone.now() + timedelta(hours=1), status="pending", lease_until=None)
        assert Sink().drain() == 0
        Delivery.objects.update(available_at=timezone.now())
        assert Sink().drain() == 100

    def test_lasts_as_long_as_the_other_side_asks_for(self):
        create_tasks(rows=[{"title": "a"}], actor="ada")
        Sink(DeliveryFailed("busy", is_outage=True, retry_after=600)).drain()
        pause = Outage.objects.get().probe_at - timezone.now()
        assert timedelta(seconds=400) < pause < timedelta(seconds=800)

    def test_whose_probe_died_is_probed_again(self, away):
        pass_time(30)
        sink = Sink(SystemExit())
        with pytest.raises(SystemExit):
            sink.drain()
        assert sink.drain() == 0
        pass_time(30)
        make_due()
        assert sink.drain() == 100


class TestWithoutOutage:
    def test_nothing_is_written_down(self):
        create_tasks(rows=[{"title": "a"}], actor="ada")
        Sink(DeliveryFailed("not this one")).drain()
        assert not Outage.objects.filter(pk=CONSUMER).exists()
