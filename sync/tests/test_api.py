import pytest

from sync.models import ExternalMapping
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ISSUE = {
    "platform": "github",
    "external_id": "ada/engine#42",
    "external_url": "https://github.com/ada/engine/issues/42",
}


@pytest.fixture
def path():
    return f"/tasks/{TaskFactory().pk}/external-mappings"


class TestMappings:
    def test_are_made_listed_changed_and_cut(self, api, path):
        client = api("operator")
        made = client.post(path, **ISSUE)
        assert (made.status_code, made.json()["external_id"]) == (201, "ada/engine#42")
        assert [row["platform"] for row in client.get(path).json()["results"]] == ["github"]
        changed = client.put(f"{path}/github", external_id="ada/engine#43", external_url=None).json()
        assert (changed["external_id"], changed["version"]) == ("ada/engine#43", 2)
        assert Task.objects.get().external_id == "ada/engine#43"
        assert client.delete(f"{path}/github").status_code == 204
        assert (ExternalMapping.objects.count(), Task.objects.get().external_id) == (0, None)

    def test_that_are_taken_are_refused_with_a_sentence(self, api, path):
        client = api("operator")
        client.post(path, **ISSUE)
        twice = client.post(path, **{**ISSUE, "external_id": "ada/engine#43"})
        assert twice.status_code == 400
        assert twice.json()["errors"] == {"non_field_errors": ["This task has a counterpart on that platform already."]}
        stolen = client.post(f"/tasks/{TaskFactory().pk}/external-mappings", **ISSUE)
        assert stolen.status_code == 400
        assert stolen.json()["errors"] == {"non_field_errors": ["Another task stands for that one already."]}
        assert ExternalMapping.objects.count() == 1

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"platform": "Git Hub"}, "platform"),
            ({"external_id": None}, "external_id"),
            ({"external_url": "nowhere"}, "external_url"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_that_are_wrong_are_refused_with_the_field(self, api, path, wrong, field):
        response = api("operator").post(path, **{**ISSUE, **wrong})
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])

    def test_that_are_not_there_are_not_found(self, api, path):
        client = api("operator")
        assert client.put(f"{path}/github", external_id="a#1").status_code == 404
        assert client.delete(f"{path}/github").status_code == 404
        assert client.post("/tasks/nothing/external-mappings", **ISSUE).status_code == 404

    def test_are_for_operators_to_write(self, api, path):
        assert api("executor").post(path, **ISSUE).status_code == 403
        assert api("viewer").get(path).status_code == 200


class TestTheAdmin:
    def test_adds_changes_and_cuts(self, admin_client):
        task = TaskFactory()
        base = "/admin/sync/externalmapping"
        assert admin_client.post(f"{base}/add/", {"task": task.pk, **ISSUE}).status_code == 302
        mapping = ExternalMapping.objects.get()
        change = {"external_id": "ada/engine#43", "external_url": ""}
        assert admin_client.post(f"{base}/{mapping.pk}/change/", change).status_code == 302
        task.refresh_from_db()
        assert task.external_id == "ada/engine#43"
        assert admin_client.get(f"{base}/").status_code == 200
        admin_client.post(f"{base}/{mapping.pk}/delete/", {"post": "yes"})
        task.refresh_from_db()
        assert (ExternalMapping.objects.count(), task.external_id) == (0, None)

    def test_keeps_what_was_typed_when_the_counterpart_is_taken(self, admin_client):
        admin_client.post("/admin/sync/externalmapping/add/", {"task": TaskFactory().pk, **ISSUE})
        page = admin_client.post("/admin/sync/externalmapping/add/", {"task": TaskFactory().pk, **ISSUE})
        assert page.status_code == 200
        assert "Another task stands for that one already." in page.content.decode()
        assert ExternalMapping.objects.count() == 1
