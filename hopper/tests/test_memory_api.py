"""`/memory`: what is remembered, and asking for it to be consolidated."""

import pytest

from feedback.operations import import_confirmed, record_feedback
from hopper.celery import app
from hopper.tests.commands import ask, say
from hopper.tests.refusals import refused
from projects.tests.factories import ProjectFactory
from routing.models import ConsolidationRun
from routing.tests.factories import moments

pytestmark = pytest.mark.django_db


@pytest.fixture
def remembered():
    """A night after thirty tasks of each kind, of which one kind went where it did not belong."""
    web = ProjectFactory(name="web", capabilities={"css": 3})
    data = ProjectFactory(name="data")
    moment = moments()
    kinds = [(web, "css"), (data, "sql"), (data, "login")]
    tasks = import_confirmed(
        rows=[
            {"title": "x", "tags": [tag], "project": project, "created_at": next(moment)}
            for _ in range(30)
            for project, tag in kinds
        ],
        actor="ada",
    )
    for task in tasks:
        if task.tags == ["login"]:
            record_feedback(task=task, was_good_match=False, should_have_routed_to="web", actor="ada")
    app.tasks["routing.consolidate"]()


@pytest.mark.usefixtures("remembered")
class TestMemory:
    def test_lists_patterns_surest_first_with_the_evidence_of_each_source(self, api):
        page = api("viewer").get("/memory/patterns").json()["results"]
        assert {row["name"] for row in page} == {"tag css → web", "tag login → web", "tag sql → data"}
        seen = page[0]["evidence"]
        assert [(row["source"], row["window"], row["failures"]) for row in seen] == [
            ("local", "older", 0), ("local", "newer", 0),
        ]  # fmt: skip
        assert [row["target_project"] for row in api().get("/memory/patterns", project="data").json()["results"]] == [
            "data"
        ]
        refused(api().get("/memory/patterns", colour="red"), 400, "colour")

    def test_lists_anti_patterns(self, api):
        (row,) = api("viewer").get("/memory/anti-patterns").json()["results"]
        assert (row["name"], row["is_anti_pattern"]) == ("tag login fails at data", True)

    def test_tells_what_is_remembered_of_a_project(self, api):
        found = api("viewer").get("/memory/stats/web").json()
        assert (found["claimed"], found["proven"]["css"]["right"]) == ({"css": 3}, 30.0)
        assert found["accuracy"] == 1.0
        assert api().get("/memory/stats/data").json()["accuracy"] == 0.5
        assert [row["name"] for row in api().get("/memory/stats/data").json()["anti_patterns"]] == [
            "tag login fails at data"
        ]
        refused(api().get("/memory/stats/nobody"), 404)

    def test_tells_a_limited_key_of_its_own_projects_alone(self, api):
        client = api("viewer", projects=["data"])
        assert {row["target_project"] for row in client.get("/memory/patterns").json()["results"]} == {"data"}
        refused(client.get("/memory/stats/web"), 404)
        assert client.get("/memory/consolidate").json()["results"] == []

    def test_shows_runs_and_patterns_to_people(self, admin_client):
        run = ConsolidationRun.objects.get()
        page = admin_client.get(f"/admin/routing/consolidationrun/{run.pk}/change/").content.decode()
        assert "new: tag login fails at data" in page


class TestAskingForAConsolidation:
    def test_has_it_done_soon(self, api):
        asked = api("operator").post("/memory/consolidate")
        assert (asked.status_code, asked.json()["state"]) == (201, "wanted")
        app.tasks["routing.consolidate_wanted"]()
        (run,) = api().get("/memory/consolidate", state="done").json()["results"]
        assert (run["id"], run["asked_by"]) == (asked.json()["id"], "operator")
        refused(api("viewer").post("/memory/consolidate"), 403)

    def test_on_the_command_line_is_done_at_once(self):
        answer = ask("consolidate")
        assert (answer["state"], answer["episodes"], answer["patterns"]) == ("done", 0, 0)
        assert "0 judged episodes looked at" in say("consolidate")
