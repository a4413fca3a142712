import pytest

from hopper.events.models import Event
from hopper.events.operations import record_event
from hopper.tests.refusals import nothing_stored, refused
from instances.tests.factories import InstanceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def three():
    """Three events of one row, oldest first."""
    row = InstanceFactory(id="a")
    return [
        record_event(f"instance.{what}", row, actor=who)
        for what, who in [("made", "ada"), ("seen", "bob"), ("lost", "ada")]
    ]


def types(response):
    assert response.status_code == 200, response.content
    return [row["type"].removeprefix("instance.") for row in response.json()["results"]]


class TestTheLog:
    """Everything that happened, newest first."""

    def test_lists_what_happened(self, api, three):
        answer = api("viewer").get("/events")

        assert types(answer) == ["lost", "seen", "made"]
        assert answer.json()["results"][0] == {
            "id": three[2].pk, "position": 3, "event_id": str(three[2].event_id), "type": "instance.lost",
            "actor": "ada", "aggregate_type": "instances.instance", "aggregate_id": "a", "version": 3, "payload": {},
            "occurred_at": three[2].occurred_at.isoformat().replace("+00:00", "Z"),
        }  # fmt: skip

    def test_shows_one(self, api, three):
        assert api().get(f"/events/{three[0].pk}").json()["type"] == "instance.made"

    def test_goes_on_after_the_position_seen_in_the_order_of_the_log(self, api, three):
        page = api().get("/events", after=0, page_size=1).json()
        place = page["results"][0]["position"]

        assert (place, types(api(name="c").get("/events", after=place))) == (1, ["seen", "lost"])
        assert types(api(name="d").http.get(page["next"])) == ["seen"]
        assert types(api(name="b").get("/events", after=10**25)) == []

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"actor": "ada"}, ["lost", "made"]), ({"type": "instance.seen"}, ["seen"]),
            ({"aggregate_type": "tasks.task"}, []), ({"aggregate_id": "a"}, ["lost", "seen", "made"]),
            ({"search": "bob seen"}, ["seen"]), ({"occurred_before": "2020-01-01T00:00:00Z"}, []),
            ({"occurred_after": "2020-01-01T00:00:00Z"}, ["lost", "seen", "made"]),
        ],
    )  # fmt: skip
    def test_is_narrowed(self, api, three, params, found):
        assert types(api().get("/events", **params)) == found

    @pytest.mark.parametrize("key", ["nothing", "0", "9" * 30, "-1", "1.5", "%00"])
    def test_says_when_there_is_no_such_event(self, api, key):
        refused(api().get(f"/events/{key}"), 404)

    @pytest.mark.parametrize(("method", "path"), [("post", "/events"), ("put", "/events/1"), ("delete", "/events/1")])
    def test_is_never_written_by_hand(self, api, three, method, path):
        client = api()

        with nothing_stored():
            refused(client.raw(method, path, b"{}"), 405)

        assert Event.objects.count() == 3
