"""Deliveries for whoever watches over them: the API, the command, the pages, the metrics."""

import json
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from hopper.events.models import Delivery
from hopper.events.operations import DeliveryFailed, drain
from hopper.events.operations.carrying import MOST_ATTEMPTS
from hopper.events.tests.sinks import CONSUMER, Sink, make_due
from hopper.testing import ApiClient
from hopper.tests.commands import ask, fail, say
from hopper.tests.refusals import nothing_stored, refused
from tasks.operations import create_tasks

pytestmark = pytest.mark.django_db
TASKS = 1000


def submit(count):
    return create_tasks(rows=[{"title": str(n)} for n in range(count)], actor="ada")


@pytest.fixture
def dead():
    """Give the delivery of the first of three tasks, given up; the others wait."""
    submit(3)
    key = Delivery.objects.order_by("pk").first().pk
    Delivery.objects.filter(pk=key).update(status="dead", attempts=MOST_ATTEMPTS, last_error="bad row")
    return Delivery.objects.get(pk=key)


@pytest.fixture
def outage():
    submit(2)
    Sink(DeliveryFailed("connection refused", is_outage=True)).drain()


class TestOnePoisonedRowOfAThousand:
    def test_is_given_up_alone_and_can_be_seen_and_tried_again(self, api):
        poison = submit(TASKS)[0]

        def carry(deliveries):
            if any(delivery.aggregate_id == poison.pk for delivery in deliveries):
                raise DeliveryFailed("bad row")

        assert drain(CONSUMER, carry, batch=100) == TASKS - 1
        for _ in range(MOST_ATTEMPTS):
            make_due()
            drain(CONSUMER, carry, batch=100)
        client = api("operator")
        (shown,) = client.get("/deliveries", state="dead").json()["results"]
        assert (shown["aggregate_id"], shown["attempts"], shown["last_error"]) == (poison.pk, MOST_ATTEMPTS, "bad row")
        assert client.post(f"/deliveries/{shown['id']}/retry").json()["status"] == "pending"
        assert Sink().drain() == 1
        assert client.get(f"/deliveries/{shown['id']}").json()["status"] == "done"


class TestTheApi:
    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({"state": "dead"}, 1), ({"state": "pending"}, 2), ({"consumer": CONSUMER}, 3), ({"consumer": "graph"}, 0),
            ({"aggregate_type": "tasks.task"}, 3), ({"aggregate_id": "nobody"}, 0), ({"search": "bad row"}, 1),
        ],
    )  # fmt: skip
    def test_narrows_them(self, api, dead, params, count):
        assert len(api().get("/deliveries", **params).json()["results"]) == count

    def test_retries_no_other_than_a_dead_one(self, api, dead):
        other = Delivery.objects.exclude(pk=dead.pk).first()
        client = api()
        with nothing_stored():
            said = refused(client.post(f"/deliveries/{other.pk}/retry"), 409)
            refused(client.post(f"/deliveries/{dead.pk}/retry", status="done"), 400, "status")
        assert "was not given up" in said

    def test_hides_them_from_a_limited_key(self, api, dead):
        client = api(projects=["sark"])
        assert client.get("/deliveries").json()["results"] == []
        refused(client.post(f"/deliveries/{dead.pk}/retry"), 404)


class TestTheCommand:
    def test_counts_what_is_undone(self, dead):
        Delivery.objects.update(created_at=F("created_at") - timedelta(minutes=5))
        (found,) = ask("events", "stats")["consumers"]
        assert 300 <= found.pop("oldest_seconds") < 400
        assert found == {
            "consumer": CONSUMER, "pending": 2, "leased": 0, "dead": 1, "attempts": 0, "away_since": None,
            "probe_at": None, "last_error": "",
        }  # fmt: skip
        assert "2 pending     0 leased     1 dead  oldest 300 s" in say("events", "stats")

    def test_names_consumers_that_have_nothing_to_do(self, db):
        assert ask("events", "stats")["consumers"][0]["consumer"] == CONSUMER
        assert say("events", "stats", "--check")

    def test_fails_on_request_when_somebody_has_to_look(self, dead, outage):
        Delivery.objects.update(created_at=F("created_at") - timedelta(hours=1))
        shown, complaint = fail("events", "stats", "--check")
        dead, away, late = complaint.splitlines()
        assert "away since" in shown
        assert dead == "embedding: 1 were given up. Type: python manage.py events retry"
        assert away.endswith("UTC: connection refused")
        assert "the oldest waits for 3,6" in late

    @pytest.mark.parametrize(
        ("options", "retried"), [([], 1), (["--consumer", CONSUMER], 1), (["--consumer", "graph"], 0)]
    )
    def test_tries_again(self, dead, options, retried):
        Delivery.objects.create(
            consumer="graph", carries="state", aggregate_type="tasks.task", aggregate_id="a", version=1
        )
        assert ask("events", "retry", *options) == {"retried": retried, "settled": 0}

    def test_tries_one_again(self, dead):
        assert "no consumer 'nope': there are embedding." in fail("events", "retry", "--consumer", "nope")[1]
        assert "no dead delivery 0" in fail("events", "retry", "--id", "0")[1]
        assert ask("events", "retry", "--id", str(dead.pk))["retried"] == 1

    def test_purges(self, db):
        submit(1)
        Sink().drain()
        Delivery.objects.update(done_at=timezone.now() - timedelta(days=8))
        assert ask("events", "purge") == {"purged": 1}


class TestThePages:
    def test_warn_of_what_was_given_up(self, dead, admin_client):
        front = admin_client.get("/admin/").content.decode()
        assert "1 delivery was given up" in front
        assert "is away" not in front

    @pytest.mark.parametrize("address", ["/admin/", "/admin/events/delivery/"])
    def test_warn_of_who_is_away(self, outage, admin_client, address):
        page = admin_client.get(address).content.decode()
        assert "embedding is away" in page
        assert "connection refused" in page

    def test_warn_of_nothing_when_all_is_well(self, admin_client):
        assert "hopper-alarm" not in admin_client.get("/admin/").content.decode()

    def test_show_a_delivery_whose_row_has_no_page(self, dead, admin_client):
        Delivery.objects.filter(pk=dead.pk).update(aggregate_type="gone.row")
        assert "row " + dead.aggregate_id in admin_client.get("/admin/events/delivery/").content.decode()


def metrics_of(client, **headers):
    """Return `{name: {labels: value}}` as Prometheus reads them."""
    answer = client.http.get("/metrics", **headers)
    assert answer.status_code == 200, answer.content
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(answer.content.decode())
    }


class TestMetrics:
    def test_tell_what_is_on_its_way(self, dead, outage, api):
        Delivery.objects.update(created_at=F("created_at") - timedelta(minutes=5))
        found = metrics_of(api("viewer"))
        assert found["hopper_deliveries"] == {
            (CONSUMER, "pending"): 0, (CONSUMER, "leased"): 4, (CONSUMER, "dead"): 1
        }  # fmt: skip
        assert 300 <= found["hopper_oldest_delivery_seconds"][CONSUMER,] < 400
        assert found["hopper_consumer_away"] == {(CONSUMER,): 1}
        assert found["hopper_delivery_attempts"] == {(CONSUMER,): 0}

    def test_tell_how_requests_went(self, api):
        client = api("viewer")
        client.get("/tasks")
        found = metrics_of(client)
        assert found["django_http_responses_total_by_status_view_method"]["GET", "200", "task-list"] >= 1

    def test_ask_what_the_settings_name(self, settings, api):
        settings.METRICS = []
        assert "hopper_deliveries" not in metrics_of(api("viewer"))

    def test_are_for_those_who_may_see_everything(self, api, admin_client):
        assert ApiClient().http.get("/metrics").status_code == 401
        limited = api("administrator", projects=["sark"]).http.get("/metrics")
        assert (limited.status_code, "sees only some" in json.loads(limited.content)["detail"]) == (403, True)
        assert admin_client.get("/metrics").status_code == 200
