import pytest

from feedback.models import TaskFeedback
from feedback.operations import record_feedback
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision
from routing.operations import route_task
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def path():
    make_projects("web", "data")
    task = TaskFactory(project_id="web")
    route_task(task=task)
    return f"/tasks/{task.pk}/feedback"


def in_review(**fields):
    task = TaskFactory(**fields)
    route_task(task=task)
    return task


class TestFeedback:
    def test_is_given_read_merged_replaced_and_taken_back(self, api, path):
        client = api("executor")
        assert client.get(path).status_code == 404
        given = client.post(path, was_good_match=True, notes="fine", actual_duration="4h 30m")
        assert (given.status_code, given.json()["given_by"], given.json()["actual_seconds"]) == (
            201,
            "executor",
            16_200,
        )
        assert client.post(path, was_good_match=False, should_have_routed_to="data").json()["notes"] == "fine"
        assert client.get(path).json()["should_have_routed_to"] == "data"
        replaced = client.put(path, was_good_match=True, if_match=client.get(path)["ETag"]).json()
        assert (replaced["notes"], replaced["actual_seconds"], replaced["version"]) == (None, None, 3)
        assert client.get(path.removesuffix("/feedback")).json()["feedback"]["was_good_match"] is True
        assert replaced["lesson"] | {"judged_at": 0, "episode_id": 0} == {
            "episode_id": 0, "right_project": "web", "reliability": 1.0, "signal": "feedback", "judged_by": "executor",
            "judged_at": 0,
        }  # fmt: skip
        seen = client.get(path)["ETag"]
        assert client.delete(path, if_match=seen).status_code == 204
        assert (client.get(path).status_code, client.delete(path, if_match=seen).status_code) == (404, 404)
        history = client.get(f"{path}/history").json()["results"]
        assert [(event["type"], event["payload"].get("notes")) for event in history] == [
            ("feedback.recorded", "fine"), ("feedback.changed", "fine"), ("feedback.changed", None),
            ("feedback.withdrawn", None),
        ]  # fmt: skip

    @pytest.mark.parametrize("method", ["post", "put"])
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "was_good_match"),
            ({"was_good_match": "yes"}, "was_good_match"),
            ({"was_good_match": None}, "was_good_match"),
            ({"was_good_match": True, "quality_score": 5}, "quality_score"),
            ({"was_good_match": True, "quality_score": 0.5, "complexity_rating": 0}, "complexity_rating"),
            ({"was_good_match": True, "complexity_rating": "3"}, "complexity_rating"),
            ({"was_good_match": True, "actual_duration": "soon"}, "actual_duration"),
            ({"was_good_match": True, "unexpected_blockers": ""}, "unexpected_blockers"),
            ({"was_good_match": True, "unexpected_blockers": [1]}, "unexpected_blockers"),
            ({"was_good_match": False, "should_have_routed_to": "nowhere"}, "should_have_routed_to"),
            ({"was_good_match": True, "should_have_routed_to": "data"}, "should_have_routed_to"),
            ({"was_good_match": True, "given_by": "eve"}, "given_by"),
        ],
    )
    def test_that_is_wrong_is_refused_with_the_field(self, api, path, method, body, field):
        response = getattr(api(), method)(path, **body)
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])
        assert not TaskFeedback.objects.exists()

    def test_of_a_task_without_a_decision_is_a_conflict(self, api):
        response = api().post(f"/tasks/{TaskFactory().pk}/feedback", was_good_match=True)
        assert (response.status_code, response.json()["code"]) == (409, "nothing_to_judge")

    def test_is_not_for_viewers_to_give(self, api, path):
        assert api("viewer").post(path, was_good_match=True).status_code == 403

    def test_is_listed_and_filtered(self, api, path):
        client = api()
        client.post(path, was_good_match=False)
        for query, wanted in [
            ("", 1), ("?was_good_match=false", 1), ("?was_good_match=true", 0), ("?project=web", 1),
            ("?project=data", 0), ("?given_by=administrator", 1), ("?source=review", 0),
        ]:  # fmt: skip
            assert len(client.get(f"/feedback{query}").json()["results"]) == wanted, query

    def test_is_seen_by_keys_of_its_project_alone(self, api, path):
        api().post(path, was_good_match=True)
        assert len(api("viewer", name="in", projects=["web"]).get("/feedback").json()["results"]) == 1
        assert api("viewer", name="out", projects=["data"]).get("/feedback").json()["results"] == []


class TestTheReviewQueue:
    def test_lists_what_waits_the_most_urgent_first_with_its_top_three(self, api):
        make_projects("a", "b", "c", "d")
        tasks = {priority: in_review(priority=priority) for priority in ("low", "urgent", "medium")}
        in_review(project_id="a")
        rows = api("viewer").get("/review").json()["results"]
        assert [row["id"] for row in rows] == [tasks[name].pk for name in ("urgent", "medium", "low")]
        assert [place["project"] for place in rows[0]["decision"]["alternatives"]] == ["a", "b", "c"]

    def test_costs_the_same_queries_for_few_and_for_many(self, api, django_assert_num_queries):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        client = api("viewer")
        make_projects("a", "b")
        in_review()
        client.get("/review")
        with CaptureQueriesContext(connection) as few:
            client.get("/review")
        for _ in range(10):
            in_review()
        with django_assert_num_queries(len(few)):
            assert len(client.get("/review").json()["results"]) == 11

    def test_takes_an_answer_once(self, api):
        make_projects("web", "data")
        task = in_review()
        client = api("operator")
        answer = client.post(f"/review/{task.pk}", project="data", reason="I know")
        assert (answer.status_code, answer.json()["decided_by"], answer.json()["project"]) == (200, "human", "data")
        again = client.post(f"/review/{task.pk}", project="web")
        assert (again.status_code, again.json()["code"]) == (409, "not_in_review")
        assert client.get("/review").json()["results"] == []
        assert Task.objects.get(pk=task.pk).project_id == "data"

    def test_takes_a_slug_or_an_instance(self, api):
        ProjectFactory(name="Über uns", slug="ueber-uns")
        instance = InstanceFactory(name="Data team")
        client = api("operator")
        first, second = in_review(title="stamps"), in_review(title="coins")
        assert client.post(f"/review/{first.pk}", project="ueber-uns").json()["project"] == "Über uns"
        assert client.post(f"/review/{second.pk}", instance="Data team").json()["instance_id"] == instance.pk

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "project"), ({"project": "nowhere"}, "project"), ({"instance": "nowhere"}, "instance"),
            ({"project": "off"}, "project"), ({"project": 5}, "project"), ({"projekt": "web"}, "projekt"),
        ],
    )  # fmt: skip
    def test_refuses_an_answer_that_is_none(self, api, body, field):
        ProjectFactory(name="off", is_active=False)
        task = in_review()
        response = api("operator").post(f"/review/{task.pk}", **body)
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])
        assert Decision.objects.get().outcome == "abstained"

    def test_knows_no_task_that_is_not_there(self, api):
        make_projects("web")
        assert api().post("/review/nothing", project="web").status_code == 404

    def test_is_for_operators_to_answer(self, api):
        make_projects("web")
        assert api("executor").post(f"/review/{in_review().pk}", project="web").status_code == 403

    def test_shows_a_key_of_one_branch_nothing_of_others(self, api):
        make_projects("web")
        task = in_review()
        client = api("operator", projects=["web"])
        assert client.get("/review").json()["results"] == []
        assert client.post(f"/review/{task.pk}", project="web").status_code == 404


class TestAFeedbackThatTeaches:
    def test_changes_the_next_suggestion(self, api):
        client = api()
        make_projects("web", "data")
        task = in_review(title="sort the stamps by country")
        record_feedback(task=task, was_good_match=False, should_have_routed_to="data", actor="ada")
        found = client.post("/routing/suggest", title="sort stamps by country").json()
        assert (found["outcome"], found["candidates"][0]["project"]) == ("routed", "data")
