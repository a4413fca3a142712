import pytest

from hopper.common.models import Role
from hopper.common.rest.principals import Principal
from hopper.events.models import Event
from hopper.tests.refusals import nothing_stored, refused
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
VERBS = "Status moves by verbs: POST /api/v1/tasks/{id}/claim, start, complete"

# what is sent, the field at fault, and what the answer says of it
WRONG = [
    ({"title": "x" * 600}, "title", "no more than 500 characters"),
    ({"title": ""}, "title", "may not be blank"),
    ({"title": None}, "title", "may not be null"),
    ({"titel": "a"}, "titel", "There is no field 'titel'"),
    ({"tags": [5]}, "tags", "A tag is text"),
    ({"tags": ["x" * 65]}, "tags", "use 1 to 64 printable characters"),
    ({"tags": ['say "hi"']}, "tags", "without quotes"),
    ({"tags": ["it's"]}, "tags", "without quotes"),
    ({"tags": ["a\u0007b"]}, "tags", "use 1 to 64 printable characters"),
    ({"tags": [""]}, "tags", "use 1 to 64 printable characters"),
    ({"tags": [["api"]]}, "tags", "A tag is text"),
    ({"tags": [f"t{n}" for n in range(65)]}, "tags", "keep the 64 that matter"),
    ({"tags": "api"}, "tags", "list"),
    ({"tags": {"api": True}}, "tags", "list"),
    ({"tags": None}, "tags", "null"),
    ({"project": "nowhere"}, "project", "There is no 'nowhere'"),
    ({"instance_id": "nowhere"}, "instance_id", "There is no 'nowhere'"),
    ({"parent_id": "nothing"}, "parent_id", "There is no 'nothing'"),
    ({"depends_on": ["nothing"]}, "depends_on", "There is no task 'nothing'"),
    ({"depends_on": "nothing"}, "depends_on", "Expected a list"),
    ({"depends_on": [5]}, "depends_on.0", "Send a text in quotes"),
    ({"status": "completed"}, "status", VERBS),
    ({"status": "claimed"}, "status", VERBS),
    ({"status": "nonsense"}, "status", VERBS),
    ({"status": 5}, "status", VERBS),
    ({"priority": "soon"}, "priority", "not a valid choice"),
    ({"priority": ["high"]}, "priority", "not a valid choice"),
    ({"priority": True}, "priority", "not a valid choice"),
    ({"source": "moon"}, "source", "not a valid choice"),
    ({"velocity_requirement": "now"}, "velocity_requirement", "not a valid choice"),
    ({"due_at": "tomorrow"}, "due_at", "YYYY-MM-DDThh:mm"),
    ({"due_at": 5}, "due_at", "YYYY-MM-DDThh:mm"),
    ({"due_at": True}, "due_at", "YYYY-MM-DDThh:mm"),
    ({"due_at": {}}, "due_at", "YYYY-MM-DDThh:mm"),
    ({"due_at": "0001-01-01T00:00:00+14:00"}, "due_at", "out of range"),
    ({"defer_until": "9999-12-31T23:59:59-14:00"}, "defer_until", "out of range"),
    ({"required_capabilities": {"python": True}}, "required_capabilities", "a whole number from 1 to 5"),
    ({"required_capabilities": {"python": 6}}, "required_capabilities", "a whole number from 1 to 5"),
    ({"required_capabilities": "python"}, "required_capabilities", "Capabilities are a list"),
    ({"max_attempts": True}, "max_attempts", "integer"),
    ({"max_attempts": 0}, "max_attempts", "greater than or equal to 1"),
    ({"description": "x" * 200_001}, "description", "no more than 200000"),
    ({"requester": "x" * 101}, "requester", "no more than 100"),
    ({"estimated_effort": 4}, "estimated_effort", "Send a text in quotes"),
]  # fmt: skip
WRONG_IDS = [
    ("a b", "Use only letters"), ("a/b", "Use only letters"), ("é", "Use only letters"), ("", "blank"),
    ("x" * 51, "no more than 50"), ("stats", "is an address of the API"), ("bulk", "is an address of the API"),
    ("..", "is an address of the API"), (5, "Send a text in quotes"), (None, "null"),
]  # fmt: skip


class TestBadInput:
    """Each a 400 that names the field and the remedy; nothing is stored."""

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG, ids=[f"{f} {str(v)[:40]}" for v, f, _ in WRONG])
    def test_is_refused_when_a_task_is_created(self, api, fields, field, said):
        client = api()

        with nothing_stored():
            assert said in refused(client.post("/tasks", **{"title": "a", **fields}), 400, field)

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG, ids=[f"{f} {str(v)[:40]}" for v, f, _ in WRONG])
    def test_is_refused_when_a_task_is_changed(self, api, fields, field, said):
        client = api()
        TaskFactory(id="old", title="before")
        before = Task.objects.values().get()

        with nothing_stored():
            assert said in refused(client.patch("/tasks/old", **fields), 400, field)
            refused(client.put("/tasks/old", **{"title": "a", **fields}), 400, field)

        assert Task.objects.values().get() == before

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG, ids=[f"{f} {str(v)[:40]}" for v, f, _ in WRONG])
    def test_is_refused_in_bulk_with_the_number_of_the_row(self, api, fields, field, said):
        client = api()
        rows = [{"title": "fine"}, {"title": "a", **fields}]

        with nothing_stored():
            document = client.post("/tasks/bulk", create=rows).json()

        assert document["status"] == 400
        assert any(name.split(".")[-1] in field.split(".") for name in document["errors"])

    @pytest.mark.parametrize(("fields", "field", "said"), WRONG[:12])
    def test_is_refused_when_only_asked_for_a_suggestion(self, api, fields, field, said):
        refused(api("viewer").post("/routing/suggest", **{"title": "a", **fields}), 400, field)

    @pytest.mark.parametrize(("key", "said"), WRONG_IDS)
    def test_is_refused_for_an_id(self, api, key, said):
        client = api()

        with nothing_stored():
            assert said in refused(client.post("/tasks", title="a", id=key), 400, "id")

    def test_is_an_id_that_is_taken(self, api):
        client = api()
        TaskFactory(id="taken")

        with nothing_stored():
            assert "already exists" in refused(client.post("/tasks", title="a", id="taken"), 400, "id")

    def test_is_another_id_for_the_same_task(self, api):
        client = api()
        TaskFactory(id="old")

        assert refused(client.patch("/tasks/old", id="new"), 400, "id") == "An id never changes."

    @pytest.mark.parametrize("parent", ["top", "middle", "bottom"])
    def test_is_a_parent_below(self, api, parent):
        client = api()
        top = TaskFactory(id="top")
        TaskFactory(id="bottom", parent=TaskFactory(id="middle", parent=top))

        with nothing_stored():
            said = refused(client.patch("/tasks/top", parent_id=parent), 400, "parent_id")

        assert f"Task {parent} is below this one" in said
        assert Task.objects.get(pk="top").parent is None

    @pytest.mark.parametrize("status", Task.Status.values)
    def test_is_a_status_typed_by_hand(self, api, status):
        client = api()
        TaskFactory(id="placed", routed=True)

        if status != "pending":
            assert VERBS in refused(client.post("/tasks", title="a", status=status), 400, "status")
        if status != "routed":
            assert VERBS in refused(client.patch("/tasks/placed", status=status), 400, "status")

    def test_is_not_the_status_that_it_has(self, api):
        client = api()
        client.post("/tasks?route=false", id="a", title="a", status="open")

        assert client.patch("/tasks/a", status="pending", title="b").json()["title"] == "b"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/tasks/%00"), ("get", "/tasks/a%00b/timeline"), ("delete", "/tasks/a/dependencies/%00"),
            ("delete", "/tasks/a/external-mappings/%00"), ("get", "/projects/%00"), ("get", "/instances/%00/children"),
        ],
    )  # fmt: skip
    def test_is_a_nul_in_the_address(self, api, method, path):
        TaskFactory(id="a")

        refused(api().raw(method, path, b""), 404)

    @pytest.mark.parametrize("query", ["route=maybe", "route=", "route=%00"])
    def test_is_a_flag_that_is_none(self, api, query):
        client = api()

        with nothing_stored():
            assert refused(client.post(f"/tasks?{query}", title="a"), 400, "route") == "Send true or false."

    def test_is_a_place_for_what_is_placed(self, api):
        client, other = api(), ProjectFactory(name="other")
        TaskFactory(id="placed", routed=True)

        with nothing_stored():
            assert "The task is routed" in refused(client.patch("/tasks/placed", project=other.pk), 400, "project")
            assert "The task is routed" in refused(client.patch("/tasks/placed", project=None), 400, "project")


class TestATaskInAPersonalPlace:
    @pytest.mark.parametrize(("role", "status"), [("operator", 404), ("administrator", 200)])
    def test_is_seen_by_its_owner_and_administrators_alone(self, api, role, status):
        house = InstanceFactory(scope="PERSONAL", config={"owner": "ada"}, status="active")
        run = InstanceFactory(scope="ORCHESTRATION", parent=house, status="active")
        TaskFactory(id="secret", title="A letter", routed=True, instance=run)
        client = api(role)
        assert client.get("/tasks/secret").status_code == status
        assert len(client.get("/tasks", search="letter").json()["results"]) == (status == 200)

    def test_is_seen_by_the_key_that_bears_its_owners_name(self):
        house = InstanceFactory(scope="PERSONAL", config={"owner": "ada"}, status="active")
        TaskFactory(id="secret", routed=True, instance=house)
        assert Task.objects.for_principal(Principal("ada", Role.VIEWER)).exists()


class TestATask:
    """The whole path, by HTTP."""

    def test_goes_where_it_is_told(self, api, run_jobs):
        ProjectFactory(name="sark")
        client = api()

        made = run_jobs(
            client.post, "/tasks", title="Add MCP", tags=["MCP", "api"], priority="critical", project="sark"
        )

        assert made.status_code == 201
        assert made["Location"] == f"/api/v1/tasks/{made.json()['id']}"
        shown = client.get(f"/tasks/{made.json()['id']}").json()
        assert (shown["status"], shown["project"], shown["priority"]) == ("routed", "sark", "urgent")
        assert shown["tags"] == ["api", "mcp"]
        assert shown["decision"]["decided_by"] == "explicit"

    def test_is_told_apart_step_by_step_on_its_timeline(self, api):
        client = api("executor", name="bot")
        TaskFactory(id="a", routed=True)
        fence = client.post("/tasks/a/claim").json()["fence"]
        client.post("/tasks/a/start", fence=fence)
        client.post("/tasks/a/complete", fence=fence, result={"pull": 42})

        rows = client.get("/tasks/a/timeline").json()["results"]

        assert [row["type"] for row in rows] == ["task.claimed", "task.started", "task.completed"]
        assert [row["version"] for row in rows] == [2, 3, 4]
        assert client.get("/tasks/a").json()["result"] == {"pull": 42}

    def test_is_changed_and_deleted(self, api):
        client = api()
        client.post("/tasks?route=false", id="a", title="a")

        assert client.patch("/tasks/a", tags=["bug"], owner="ada").json()["tags"] == ["bug"]
        assert client.put("/tasks/a", title="b").json()["title"] == "b"
        assert client.delete("/tasks/a").status_code == 204
        refused(client.get("/tasks/a"), 404)
        types = Event.objects.filter(aggregate_id="a").order_by("version").values_list("type", flat=True)
        assert list(types) == ["task.stored", "task.changed", "task.changed", "task.deleted"]

    def test_that_is_held_is_not_deleted(self, api):
        client = api()
        TaskFactory(id="a", routed=True)
        client.post("/tasks/a/claim")

        with nothing_stored():
            assert "release or cancel it first" in refused(client.delete("/tasks/a"), 409)

    def test_is_counted(self, api):
        TaskFactory(routed=True)
        TaskFactory()

        counts = api("viewer").get("/tasks/stats").json()

        assert (counts["total"], counts["routed"], counts["pending"], counts["failed"]) == (2, 1, 1, 0)

    def test_is_found_by_its_words(self, api):
        TaskFactory(id="a", title="Login error")
        TaskFactory(id="b", title="Login")

        assert [row["id"] for row in api().get("/tasks/search", q="ERROR login").json()["results"]] == ["a"]

    def test_is_listed_once_it_may_be_claimed(self, api):
        TaskFactory(id="a", routed=True)
        TaskFactory(id="b")

        assert [row["id"] for row in api().get("/tasks/ready").json()["results"]] == ["a"]

    def test_is_found_with_a_slash_at_the_end_too(self, api):
        TaskFactory(id="a")

        assert api().get("/tasks/a/").json()["id"] == api().get("/tasks/").json()["results"][0]["id"] == "a"
