import pytest
from django.apps import apps

from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode
from routing.operations import route_task
from routing.tests.factories import activate_rules, make_projects, teach
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LOGINS = {"name": "logins", "when": {"keyword": "login"}, "project": "web", "weight": 0.9}


def row_counts():
    return {model._meta.db_table: model._base_manager.count() for model in apps.get_models()}


def errors(response, status=400):
    assert response.status_code == status
    assert response["content-type"] == "application/problem+json"
    return response.json().get("errors")


class TestSuggesting:
    def test_ranks_the_places_and_stores_nothing(self, api):
        client = api("viewer")
        make_projects("web", "data", capabilities={"python": 4})
        activate_rules(LOGINS)
        client.post("/routing/suggest", title="warm")  # a first use of a key is noted
        before = row_counts()
        found = client.post("/routing/suggest", title="login", required_capabilities=["python"], tags=["bug"]).json()
        assert row_counts() == before
        assert (found["outcome"], found["decided_by"]) == ("routed", "rules")
        assert found["confidence"] == pytest.approx(found["candidates"][0]["score"], abs=1e-4)
        assert [place["project"] for place in found["candidates"]] == ["web", "data"]
        assert found["candidates"][0]["reasons"][0] == "rule 'logins' votes for it (0.90)"
        assert found["candidates"][0]["factors"].keys() == {"rules", "capability"}

    def test_abstains_without_a_guess(self, api):
        make_projects("web", "data")
        found = api("viewer").post("/routing/suggest", title="no idea").json()
        assert found["outcome"] == "abstained"
        assert len(found["candidates"]) == 2

    def test_follows_an_explicit_project(self, api):
        make_projects("web")
        assert api().post("/routing/suggest", title="x", project="web").json()["confidence"] == 1.0

    def test_refuses_what_a_task_would_refuse(self, api):
        assert "title" in errors(api().post("/routing/suggest", description="x"))
        assert "colour" in errors(api().post("/routing/suggest", title="x", colour="red"))


class TestAProjectThatCouldPoisonEveryDecision:
    @pytest.mark.parametrize("field", ["sla", "priority_boost", "capacity_cost", "executor_config", "sync_config"])
    @pytest.mark.parametrize("empty", [[], ""])
    def test_is_refused(self, api, field, empty):
        assert list(errors(api().post("/projects", name="web", **{field: empty}))) == [field]
        assert api().post("/routing/suggest", title="x").status_code == 200


class TestRoutingATask:
    def test_decides_about_a_pending_task(self, api):
        make_projects("web")
        task = TaskFactory(project_id="web")
        body = api("operator").post(f"/tasks/{task.pk}/route").json()
        assert (body["status"], body["project"], body["decision"]["decided_by"]) == ("routed", "web", "explicit")

    def test_dry_stores_nothing(self, api):
        client = api("operator")
        make_projects("web")
        task = TaskFactory(project_id="web")
        client.get("/tasks")
        before = row_counts()
        body = client.post(f"/tasks/{task.pk}/route?dry_run=true").json()
        assert (body["outcome"], body["candidates"][0]["project"]) == ("routed", "web")
        assert row_counts() == before
        task.refresh_from_db()
        assert (task.status, task.version, task.routing_confidence) == ("pending", 1, None)

    def test_refuses_a_dry_run_that_is_neither_true_nor_false(self, api):
        task = TaskFactory()
        assert errors(api().post(f"/tasks/{task.pk}/route?dry_run=yes")) == {"dry_run": ["Send true or false."]}

    def test_is_a_conflict_once_it_was_routed(self, api):
        task = TaskFactory(routed=True)
        response = api().post(f"/tasks/{task.pk}/route")
        assert (response.status_code, response.json()["code"]) == (409, "not_pending")


class TestDecisionsAndEpisodes:
    @pytest.fixture
    def routed(self):
        make_projects("web", "data")
        activate_rules(LOGINS)
        return route_task(task=TaskFactory(title="login"))

    def test_can_be_read(self, api, routed):
        client = api("viewer")
        decision = client.get(f"/decisions/{routed.pk}").json()
        assert (decision["project"], decision["decided_by"]) == ("web", "rules")
        assert decision == client.get(f"/tasks/{routed.pk}/decision").json()
        episode = client.get(f"/episodes/{decision['episode_id']}").json()
        assert (episode["task_id"], episode["chosen_project"]) == (routed.pk, "web")

    def test_can_be_filtered(self, api, routed):
        client = api("viewer")
        route_task(task=TaskFactory(title="no idea"))
        for path, wanted in [
            ("/decisions?decided_by=rules", 1), ("/decisions?outcome=abstained", 1), ("/decisions?project=web", 1),
            ("/decisions?confidence_lt=0.5", 1), ("/decisions?decided_after=2999-01-01T00:00:00Z", 0), ("/episodes", 2),
            ("/episodes?strategy=rules", 1), ("/episodes?outcome=true", 0), ("/episodes?source=local", 2),
            (f"/episodes?task={routed.pk}", 1), ("/episodes?project=web", 1),
        ]:  # fmt: skip
            assert len(client.get(path).json()["results"]) == wanted, path

    def test_are_written_by_nobody(self, api, routed):
        client = api()
        for path in (f"/decisions/{routed.pk}", f"/episodes/{routed.episode_id}"):
            assert client.put(path, confidence=1).status_code in (403, 405)
            assert client.delete(path).status_code in (403, 405)
        assert Decision.objects.get().confidence == routed.confidence

    def test_of_a_task_without_one_are_not_there(self, api):
        task = TaskFactory()
        assert api().get(f"/tasks/{task.pk}/decision").status_code == 404

    def test_can_be_counted(self, api, routed):
        teach(ProjectFactory(name="taught"), "a lesson")
        rows = api("viewer").get("/decisions/analytics").json()["results"]
        assert [(row["decided_by"], row["decisions"], row["judged"], row["accuracy"]) for row in rows] == [
            ("human", 1, 1, 1.0), ("rules", 1, 0, None),
        ]  # fmt: skip
        by_project = api("viewer").get("/decisions/analytics?by=project").json()["results"]
        assert [row["project"] for row in by_project] == ["taught", "web"]
        assert errors(api().get("/decisions/analytics?by=colour"))["by"]

    def test_of_a_place_made_outside_are_recorded(self, api):
        make_projects("web")
        task = TaskFactory()
        made = api("operator").put(f"/tasks/{task.pk}/decision", project="web", reasoning="as agreed").json()
        assert (made["project"], made["decided_by"], made["reasoning"]) == (
            "web",
            "human",
            "operator chose web: as agreed",
        )
        assert Task.objects.get(pk=task.pk).status == "routed"
        assert Episode.objects.get().chosen_project == "web"

    @pytest.mark.parametrize(
        "body", [{}, {"project": "nowhere"}, {"instance": "nowhere"}, {"project": "off"}, {"projekt": "web"}]
    )
    def test_of_a_place_that_is_none_are_refused(self, api, body):
        ProjectFactory(name="off", is_active=False)
        task = TaskFactory()
        assert errors(api().put(f"/tasks/{task.pk}/decision", **body))
        assert not Decision.objects.exists()


@pytest.mark.django_db
class TestASuggestionToALimitedKey:
    """What a key may not see is not told by a suggestion either."""

    def test_names_only_its_own_projects(self, api):
        for name in ("ours", "theirs"):
            ProjectFactory(name=name, capabilities={"python": 3})

        told = api(projects=["ours"]).post("/routing/suggest", title="Some work", required_capabilities=["python"])

        assert [place["project"] for place in told.json()["candidates"]] == ["ours"]
        assert "theirs" not in told.content.decode()
