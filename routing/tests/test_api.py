import pytest
from django.apps import apps

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode, PolicyVersion
from routing.operations import load_policy, route_task
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
        episode = client.get(f"/episodes/{decision['episode']}").json()
        assert (episode["task"], episode["chosen_project"]) == (routed.pk, "web")

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


class TestPolicies:
    def test_are_made_drafted_and_put_in_force(self, api):
        client = api()
        make_projects("web")
        policy = client.post("/policies", name="house", description="ours").json()
        draft = client.post(f"/policies/{policy['id']}/versions", rules=[LOGINS], thresholds={"confidence": 0.5})
        assert (draft.status_code, draft.json()["number"], draft.json()["state"]) == (201, 1, "draft")
        active = client.post(f"/policies/{policy['id']}/versions/1/activate").json()
        assert active["state"] == "active"
        listed = client.get(f"/policies/{policy['id']}/versions").json()["results"]
        assert [version["rules"] for version in listed] == [[LOGINS]]
        assert client.post("/routing/suggest", title="login").json()["candidates"][0]["project"] == "web"

    def test_name_what_is_wrong_with_a_rule(self, api):
        client = api()
        policy = client.post("/policies", name="house").json()
        for rules in (
            [{"name": "x", "when": {"keyword": []}, "project": "web"}],
            [{"name": "x", "when": {"pattern": "(?=a)"}, "project": "web"}],
            [{"name": "x", "when": {"keyword": "x"}, "project": ["web"]}],
            [LOGINS],
            {},
            "rules",
        ):
            assert "rules" in errors(client.post(f"/policies/{policy['id']}/versions", rules=rules)), rules
        assert not PolicyVersion.objects.exists()

    def test_have_no_version_that_was_not_made(self, api):
        client = api()
        policy = client.post("/policies", name="house").json()
        assert errors(client.post(f"/policies/{policy['id']}/versions/9/activate"))["number"]

    def test_stay_once_a_version_was_in_force(self, api):
        version = load_policy(name="house", content=[], actor="ada")
        response = api().delete(f"/policies/{version.policy_id}")
        assert (response.status_code, response.json()["code"]) == (409, "version_in_force")

    def test_are_for_administrators_to_write(self, api):
        version = load_policy(name="house", content=[], actor="ada")
        client = api("operator")
        assert client.post("/policies", name="mine").status_code == 403
        assert client.post(f"/policies/{version.policy_id}/versions").status_code == 403
        assert client.post(f"/policies/{version.policy_id}/versions/1/activate").status_code == 403
        assert client.get(f"/policies/{version.policy_id}/versions").status_code == 200

    def test_are_hidden_from_a_key_of_one_project(self, api):
        load_policy(name="house", content=[], actor="ada")
        assert api("viewer", projects=["web"]).get("/policies").json()["results"] == []


class TestPatterns:
    FIELDS = {"name": "logins", "pattern_type": "tag", "target_project": "web", "tag_criteria": ["Login"]}

    def test_are_made_changed_and_deleted(self, api):
        client = api()
        made = client.post("/patterns", **self.FIELDS)
        assert (made.status_code, made.json()["tag_criteria"], made.json()["confidence"]) == (201, ["login"], 0.5)
        path = f"/patterns/{made.json()['id']}"
        assert client.patch(path, is_active=False, confidence=0.8).json()["version"] == 2
        assert client.get("/patterns?active=true").json()["results"] == []
        assert client.get("/patterns?project=web&type=tag&search=log").json()["results"][0]["confidence"] == 0.8
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"target_project": None}, "target_project"),
            ({"confidence": 2}, "confidence"),
            ({"pattern_type": "x"}, "pattern_type"),
        ],
    )
    def test_are_refused_with_the_field_that_is_wrong(self, api, wrong, field):
        assert list(errors(api().post("/patterns", **{**self.FIELDS, **wrong}))) == [field]

    def test_are_for_administrators_to_write(self, api):
        assert api("operator").post("/patterns", **self.FIELDS).status_code == 403


class TestDelegations:
    def test_are_made_listed_and_deleted(self, api):
        client = api("operator")
        task, source, target = TaskFactory(), InstanceFactory(), InstanceFactory()
        body = {"task": task.pk, "source_instance": source.pk, "target_instance": target.pk, "reason": "closer"}
        made = client.post("/delegations", **body)
        assert (made.status_code, made.json()["status"]) == (201, "pending")
        hops = client.get(f"/tasks/{task.pk}/delegations").json()["results"]
        assert [hop["target_instance"] for hop in hops] == [target.pk]
        assert errors(client.post("/delegations", **body)) == {
            "non_field_errors": ["This instance has handed the task on already."]
        }
        same = {**body, "task": TaskFactory().pk, "target_instance": source.pk}
        assert errors(client.post("/delegations", **same)) == {
            "target_instance": ["An instance cannot delegate to itself."]
        }
        assert client.get("/delegations?status=pending").json()["results"][0]["id"] == made.json()["id"]
        assert client.delete(f"/delegations/{made.json()['id']}").status_code == 204
