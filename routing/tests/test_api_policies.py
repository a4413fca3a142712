"""What operators write down: policies, patterns, delegations."""

import pytest

from hopper.tests.refusals import refused
from routing.models import PolicyVersion
from routing.operations import load_policy
from routing.tests.factories import make_projects

pytestmark = pytest.mark.django_db
LOGINS = {"name": "logins", "when": {"keyword": "login"}, "project": "web", "weight": 0.9}


def errors(response, status=400):
    assert response.status_code == status
    assert response["content-type"] == "application/problem+json"
    return response.json().get("errors")


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
        assert "no version 9" in refused(client.post(f"/policies/{policy['id']}/versions/9/activate"), 404)

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
