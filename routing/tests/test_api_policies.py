"""What operators write down: policies, patterns, delegations."""

import pytest

from hopper.tests.refusals import refused
from routing.models import PolicyVersion
from routing.operations import create_pattern, create_version, load_policy, propose_rules
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


@pytest.fixture
def house():
    """A policy with a version in force and the draft of a second; returns its address."""
    make_projects("web")
    version = load_policy(name="house", content=[], actor="ada")
    create_version(policy=version.policy, rules=[LOGINS], actor="ada")
    return f"/policies/{version.policy_id}"


class TestPolicyFiles:
    FILE = b"rules:\n  - {name: logins, when: {keyword: login}, project: web}\n"

    def test_are_posted_as_they_are_and_exported_to_be_posted_again(self, api, house):
        client = api()
        made = client.raw("post", f"{house}/versions", self.FILE, content_type="application/yaml")
        assert (made.status_code, made.json()["number"], made.json()["rules"][0]["project"]) == (201, 3, "web")
        exported = client.get(f"{house}/versions/3/export")
        assert exported["Content-Type"] == "application/yaml; charset=utf-8"
        again = client.post(f"{house}/versions", yaml=exported.content.decode())
        assert again.json()["rules"] == made.json()["rules"]

    def test_are_refused_with_the_line(self, api, house):
        wrong = self.FILE.replace(b"keyword", b"kw")
        said = refused(api().raw("post", f"{house}/versions", wrong, content_type="application/yaml"), 400, "yaml")
        assert said.startswith("Line 2, column 27: Rule 1 (logins): There is no condition 'kw'")
        assert "not both" in refused(api(name="b").post(f"{house}/versions", yaml="[]", rules=[]), 400, "yaml")
        refused(api(name="c").raw("post", f"{house}/versions", b"\xff", content_type="application/yaml"), 400)


class TestTryingAVersion:
    def test_shows_what_it_changes(self, api, house):
        client = api("viewer")
        changes = client.get(f"{house}/versions/2/diff").json()
        assert [rule["name"] for rule in changes["rules"]["added"]] == ["logins"]
        back = client.get(f"{house}/versions/1/diff?against=2").json()
        assert [rule["name"] for rule in back["rules"]["removed"]] == ["logins"]
        assert "number" in refused(client.get(f"{house}/versions/1/diff?against=x"), 400, "against")
        assert "no version 9" in refused(client.get(f"{house}/versions/1/diff?against=9"), 404)

    def test_comes_before_it_is_put_in_force(self, api, house):
        client = api()
        answer = client.post(f"{house}/versions/2/activate")
        assert (answer.status_code, answer.json()["code"]) == (409, "backtest_needed")
        made = client.post(f"{house}/versions/2/backtest", newest=10)
        assert (made.status_code, made.json()["report"]["moved"]) == (201, 0)
        assert client.get(f"{house}/versions/2/backtest").json()["results"] == [made.json()]
        assert client.post(f"{house}/versions/2/activate").json()["state"] == "active"
        back = client.post(f"{house}/rollback").json()
        assert (back["number"], back["state"]) == (1, "active")
        assert client.get(f"{house}/versions/2").json()["state"] == "retired"

    def test_is_passed_over_by_force(self, api, house):
        assert api().post(f"{house}/versions/2/activate", force=True).json()["state"] == "active"

    def test_goes_on_in_the_shadow(self, api, house):
        client = api()
        assert client.post(f"{house}/versions/2/shadow").json()["state"] == "shadow"
        assert client.get(f"{house}/versions/2/shadow").json()["decisions"] == 0
        assert client.post(f"{house}/versions/2/unshadow").json()["state"] == "draft"


class TestProposals:
    def test_are_listed_accepted_and_dismissed(self, api, house):
        for tag in ("one", "two"):
            create_pattern(name=tag, source="learned", pattern_type="tag", tag_criteria=[tag], target_project="web",
                           confidence=0.9, actor="ada")  # fmt: skip
        propose_rules()
        client = api()
        first, second = client.get("/proposals?state=proposed").json()["results"]
        assert client.post(f"/proposals/{first['id']}/accept").json()["draft_id"]
        assert client.post(f"/proposals/{second['id']}/dismiss").json()["state"] == "dismissed"
        assert refused(client.post(f"/proposals/{second['id']}/accept"), 409)
        assert api("operator").post(f"/proposals/{second['id']}/accept").status_code == 403
        assert api("viewer", projects=["web"]).get("/proposals").json()["results"] == []
