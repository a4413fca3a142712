import pytest
from django.contrib.auth.models import User

from hopper.events.models import Event
from hopper.testing import ApiClient
from hopper.tests.refusals import nothing_stored, refused
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def person(**flags):
    client = ApiClient()
    client.http.force_login(User.objects.create_user("ada", **{"is_staff": True, **flags}))
    return client


class TestAClaim:
    """One executor at a time, proven by a fence."""

    def test_has_one_winner(self, api):
        TaskFactory(id="a", routed=True)
        first, second = api("executor", name="first"), api("executor", name="second")

        won = first.post("/tasks/a/claim", executor="worker 1", lease_seconds=60).json()

        assert (won["fence"], won["task"]["lease_owner"]) == (1, "first/worker 1")
        assert won["lease_until"] == won["task"]["lease_until"]
        with nothing_stored():
            assert "Somebody holds this task already" in refused(second.post("/tasks/a/claim"), 409)

    @pytest.mark.parametrize(("kind", "seconds", "beat"), [
        ("worker", None, 15), ("agent", None, 200), ("human", None, 28800), ("robot", None, 200), ("worker", 6, 2),
    ])  # fmt: skip
    def test_says_how_often_it_is_to_be_renewed(self, api, kind, seconds, beat):
        TaskFactory(id="a", routed=True)
        lease = {"lease_seconds": seconds} if seconds else {}
        claim = api("executor").post("/tasks/a/claim", executor_type=kind, **lease).json()
        assert claim["heartbeat_seconds"] == beat
        renewed = api("executor").post("/tasks/a/heartbeat", fence=claim["fence"], **lease).json()
        assert renewed["heartbeat_seconds"] == beat

    @pytest.mark.parametrize("step", ["heartbeat", "start", "complete", "fail", "release"])
    @pytest.mark.parametrize("fence", [0, 2, 10**25])
    def test_that_is_stale_changes_nothing(self, api, step, fence):
        client = api("executor")
        TaskFactory(id="a", routed=True)
        client.post("/tasks/a/claim")
        before = Task.objects.values().get()

        with nothing_stored():
            answer = client.post(f"/tasks/a/{step}", fence=fence)

        assert "stop working on it and claim anew" in refused(answer, 409)
        assert answer.json()["code"] == "lease_lost"
        assert Task.objects.values().get() == before

    @pytest.mark.parametrize("step", ["heartbeat", "start", "complete", "fail", "release"])
    def test_of_somebody_else_changes_nothing(self, api, step):
        TaskFactory(id="a", routed=True)
        api("executor", name="first").post("/tasks/a/claim")
        thief = api("executor", name="second")

        with nothing_stored():
            assert thief.post(f"/tasks/a/{step}", fence=1).json()["code"] == "lease_lost"

    @pytest.mark.parametrize("step", ["heartbeat", "start", "complete", "fail", "release"])
    @pytest.mark.parametrize("fence", [None, True, "1", 1.0, -1, []])
    def test_of_a_program_names_its_fence(self, api, step, fence):
        client = api("executor")
        TaskFactory(id="a", routed=True)
        client.post("/tasks/a/claim")
        body = {} if fence is None else {"fence": fence}

        with nothing_stored():
            refused(client.post(f"/tasks/a/{step}", **body), 400, "fence")

    def test_of_another_may_be_ended_by_an_operator(self, api):
        TaskFactory(id="a", routed=True)
        api("executor", name="first").post("/tasks/a/claim", executor="worker 1")

        assert api("operator", name="second").post("/tasks/a/release", fence=1).json()["status"] == "routed"

    @pytest.mark.parametrize(("step", "status"), [("start", "in_progress"), ("complete", "completed")])
    def test_of_a_person_takes_one_step(self, step, status):
        TaskFactory(id="a", routed=True)

        done = person().post(f"/tasks/a/{step}").json()

        assert (done["status"], done["fence"]) == (status, 1)
        assert Event.objects.filter(type="task.claimed", actor="ada").exists()

    @pytest.mark.parametrize("step", ["fail", "release", "heartbeat"])
    def test_of_a_person_is_proven_for_every_other_step(self, step):
        TaskFactory(id="a", routed=True)
        client = person()

        with nothing_stored():
            refused(client.post(f"/tasks/a/{step}"), 400, "fence")

    def test_waits_for_what_the_task_waits_for(self, api):
        client = api()
        TaskFactory(id="a", routed=True)
        TaskFactory(id="first", routed=True)
        client.post("/tasks/a/dependencies", depends_on="first")

        with nothing_stored():
            assert "to be completed (routed)" in refused(client.post("/tasks/a/claim"), 409)
        assert client.get("/tasks/a").json()["depends_on"] == ["first"]
        assert client.get("/tasks/first").json()["blocks"] == ["a"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"lease_seconds": 0}, "lease_seconds"), ({"lease_seconds": 86_401}, "lease_seconds"),
            ({"lease_seconds": 10**25}, "lease_seconds"), ({"lease_seconds": True}, "lease_seconds"),
            ({"lease_seconds": "60"}, "lease_seconds"), ({"executor": "x" * 101}, "executor"),
            ({"executor": 5}, "executor"), ({"fence": 1}, "fence"),
        ],
    )  # fmt: skip
    def test_is_refused_when_it_asks_for_something_odd(self, api, body, field):
        client = api()
        TaskFactory(id="a", routed=True)

        with nothing_stored():
            refused(client.post("/tasks/a/claim", **body), 400, field)


class TestAVerb:
    """What whoever runs it may do to a task."""

    @pytest.mark.parametrize(
        ("verb", "body", "status"),
        [
            ("cancel", {"reason": "not wanted"}, "cancelled"),
            ("block", {"reason": ""}, "blocked"),
            ("block", {}, "blocked"),
        ],
    )
    def test_moves_it(self, api, verb, body, status):
        TaskFactory(id="a", routed=True)

        assert api().post(f"/tasks/a/{verb}", **body).json()["status"] == status

    def test_sends_it_round_again(self, api):
        client = api()
        TaskFactory(id="a", routed=True)
        fence = client.post("/tasks/a/claim").json()["fence"]
        client.post("/tasks/a/fail", fence=fence, reason="no disk")

        assert client.post("/tasks/a/retry").json()["status"] == "pending"

    @pytest.mark.parametrize("verb", ["unblock", "retry"])
    @pytest.mark.parametrize("routed", [True, False])
    def test_is_refused_where_it_makes_no_sense(self, api, verb, routed):
        client = api()
        TaskFactory(id="a", routed=routed)

        with nothing_stored():
            answer = client.post(f"/tasks/a/{verb}")

        assert "The task is" in refused(answer, 409)
        assert answer.json()["code"] == "transition_not_allowed"

    @pytest.mark.parametrize(
        ("verb", "body", "field"),
        [("cancel", {"reason": 5}, "reason"), ("cancel", {"why": "x"}, "why"), ("retry", {"reason": "x"}, "reason"),
         ("block", {"reason": "x" * 2001}, "reason")],
    )  # fmt: skip
    def test_takes_nothing_odd(self, api, verb, body, field):
        client = api()
        TaskFactory(id="a", routed=True)

        with nothing_stored():
            refused(client.post(f"/tasks/a/{verb}", **body), 400, field)


class TestDependencies:
    """What waits for what, by HTTP."""

    def test_are_added_listed_and_removed(self, api):
        client = api()
        TaskFactory(id="a")
        TaskFactory(id="b")

        assert client.post("/tasks/a/dependencies", depends_on="b", kind="blocks").status_code == 201
        assert [row["depends_on"] for row in client.get("/tasks/a/dependencies").json()["results"]] == ["b"]
        assert client.delete("/tasks/a/dependencies/b").status_code == 204
        assert client.get("/tasks/a/dependencies").json() == {"results": []}

    @pytest.mark.parametrize(
        ("body", "field", "said"),
        [
            ({"depends_on": "a"}, "depends_on", "neither could ever start"),
            ({"depends_on": "c"}, "depends_on", "neither could ever start"),
            ({"depends_on": "nothing"}, "depends_on", "There is no task 'nothing'"),
            ({"depends_on": 5}, "depends_on", "Send a text in quotes"),
            ({}, "depends_on", "required"),
            ({"depends_on": "b", "kind": "hopes"}, "kind", "not a valid choice"),
        ],
    )
    def test_are_refused(self, api, body, field, said):
        client = api()
        for key in "abc":
            TaskFactory(id=key)
        client.post("/tasks/c/dependencies", depends_on="b")
        client.post("/tasks/b/dependencies", depends_on="a")

        with nothing_stored():
            assert said in refused(client.post("/tasks/a/dependencies", **body), 400, field)

    def test_close_no_circle_by_patch(self, api):
        client = api()
        TaskFactory(id="a")
        client.post("/tasks?route=false", id="b", title="b", depends_on=["a"])

        with nothing_stored():
            refused(client.patch("/tasks/a", depends_on=["b"]), 400, "depends_on")
