import pytest

from hopper.tests.refusals import nothing_stored, refused
from instances.tests.factories import InstanceFactory
from projects.models import Project
from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
WRONG = [
    ({"nam": "a"}, "nam", "There is no field 'nam'"), ({"slug": "A B"}, "slug", "slug"),
    ({"slug": 5}, "slug", "in quotes"),
    ({"capabilities": 5}, "capabilities", "Capabilities are a list"),
    ({"capabilities": {"python": 9}}, "capabilities", "from 1 to 5"), ({"tags": ['"']}, "tags", "without quotes"),
    ({"executor_config": []}, "executor_config", "Send an object"),
    ({"auto_claim": "yes"}, "auto_claim", "true or false"),
    ({"is_active": 1}, "is_active", "true or false"), ({"capacity": True}, "capacity", "integer"),
    ({"capacity": "3"}, "capacity", "integer"), ({"capacity": -1}, "capacity", "greater than or equal to 0"),
    ({"capacity": 10**25}, "capacity", "less than or equal"), ({"capacity": 2.5}, "capacity", "integer"),
    ({"velocity": "warp"}, "velocity", "not a valid choice"), ({"sla": {"response_time": 5}}, "sla", "PT4H or 4h 30m"),
    ({"sla": {"response_time": "9" * 30 + "w"}}, "sla", "too long"),
    ({"sla": {"completion_time": "P99999999999999D"}}, "sla", "too long"),
    ({"priority_boost": {"urgent": 11}}, "priority_boost", "at most 10"),
    ({"priority_boost": {"urgent": 10**400}}, "priority_boost", "at most 10"),
    ({"capacity_cost": {"a": "1"}}, "capacity_cost", "at most 10"), ({"webhook_url": "x"}, "webhook_url", "valid URL"),
    ({"webhook_url": "https://" + "x" * 500}, "webhook_url", "no more than 500"),
    ({"instance_id": "nowhere"}, "instance_id", "There is no 'nowhere'"),
    ({"sync_config": None}, "sync_config", "null"),
    ({"repository": 5}, "repository", "in quotes"), ({"last_sync": "x"}, "last_sync", "There is no field"),
]  # fmt: skip


class TestBadInput:
    """Each a 400 that names the field and the remedy; nothing is stored."""

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG, ids=[f"{f} {str(v)[:40]}" for v, f, _ in WRONG])
    def test_is_refused(self, api, fields, field, said):
        client = api()
        ProjectFactory(name="old")
        before = Project.objects.values().get()

        with nothing_stored():
            assert said in refused(client.post("/projects", **{"name": "sark", **fields}), 400, field)
            assert said in refused(client.post("/projects/register", **{"name": "sark", **fields}), 400, field)
            assert said in refused(client.patch("/projects/old", **fields), 400, field)

        assert Project.objects.values().get() == before

    @pytest.mark.parametrize("name", ["", None, 5, "a/b", "active", "REGISTER", "x" * 101, "old"])
    def test_is_refused_for_a_name(self, api, name):
        client = api()
        ProjectFactory(name="old")

        with nothing_stored():
            refused(client.post("/projects", name=name), 400, "name")

    @pytest.mark.parametrize("name", [".", "..", "!!!"])
    def test_is_a_name_without_a_slug_unless_one_is_sent(self, api, name):
        client = api()

        with nothing_stored():
            refused(client.post("/projects", name=name), 400, "slug")

        assert client.post("/projects", name=name, slug="dots").status_code == 201

    def test_is_another_name_for_the_same_project(self, api):
        client = api()
        ProjectFactory(name="old")

        assert "never changes" in refused(client.patch("/projects/old", name="new"), 400, "name")


class TestAProject:
    """By name or slug, by HTTP."""

    @pytest.mark.parametrize("path", ["/projects", "/projects/register"])
    def test_is_registered(self, api, path):
        InstanceFactory(id="near")

        made = api().post(path, name="Sark Server", capabilities={"languages": ["Python"]}, instance_id="near")

        assert made.status_code == 201
        assert (made.json()["slug"], made.json()["capabilities"]) == ("sark-server", {"python": 3})
        assert made.json()["instance_id"] == "near"

    @pytest.mark.parametrize("key", ["Sark%20Server", "sark"])
    def test_is_found_by_name_and_by_slug(self, api, key):
        ProjectFactory(name="Sark Server", slug="sark")

        assert api().get(f"/projects/{key}").json()["name"] == "Sark Server"

    def test_is_changed_and_deleted(self, api):
        client = api()
        ProjectFactory(name="sark")

        assert client.patch("/projects/sark", capacity=3).json()["capacity"] == 3
        assert client.put("/projects/sark", name="sark", velocity="fast").json()["velocity"] == "fast"
        assert client.delete("/projects/sark").status_code == 204
        refused(client.get("/projects/sark"), 404)

    def test_is_not_deleted_while_tasks_stand_on_it(self, api):
        client = api()
        TaskFactory(routed=True, project=ProjectFactory(name="sark"))

        with nothing_stored():
            assert "still has tasks" in refused(client.delete("/projects/sark"), 409)

    def test_counts_its_tasks(self, api):
        TaskFactory(routed=True, project=ProjectFactory(name="sark"))

        counts = api().get("/projects/sark/statistics").json()

        assert (counts["total_tasks"], counts["routed"], counts["completed"]) == (1, 1, 0)

    def test_is_listed_while_it_takes_work(self, api):
        ProjectFactory(name="on")
        ProjectFactory(name="off", is_active=False)

        assert [row["name"] for row in api().get("/projects/active").json()["results"]] == ["on"]
