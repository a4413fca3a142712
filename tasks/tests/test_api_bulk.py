import pytest

from hopper.events.models import Event
from hopper.tests.refusals import nothing_stored, refused
from tasks import operations
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


class TestBulk:
    """Many at once: all or nothing, or a result each."""

    def test_does_three_things_at_once(self, api):
        client = api()
        for key in ("old", "tired", "gone"):
            TaskFactory(id=key, title="before")

        done = client.post(
            "/tasks/bulk", create=[{"title": "new", "id": "new"}],
            update=[{"id": "old", "title": "after"}, {"id": "tired", "verb": "cancel", "reason": "no"}],
            delete=["gone"],
        ).json()  # fmt: skip

        assert [row["id"] for row in done["create"]] == ["new"]
        assert [(row["title"], row["status"]) for row in done["update"]] == [
            ("after", "pending"),
            ("before", "cancelled"),
        ]
        assert done["delete"] == ["gone"]
        types = Event.objects.order_by("pk").values_list("aggregate_id", "type")
        assert list(types) == [
            ("new", "task.submitted"), ("old", "task.changed"), ("tired", "task.cancelled"), ("gone", "task.deleted"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("lists", "field"),
        [
            ({"create": [{"title": "a"}, {"title": ""}]}, "create.1.title"),
            ({"create": [{"title": "a"}], "update": [{"id": "nothing", "title": "b"}]}, "update.0.id"),
            ({"create": [{"title": "a"}], "update": [{"title": "b"}]}, "update.0.id"),
            ({"create": [{"title": "a"}], "update": [{"id": {}}]}, "update.0.id"),
            ({"create": [{"title": "a"}], "update": [{"id": ["old"]}]}, "update.0.id"),
            ({"create": [{"title": "a"}], "update": [{"id": "old", "verb": "explode"}]}, "update.0.verb"),
            ({"create": [{"title": "a"}], "update": [{"id": "old", "verb": ["cancel"]}]}, "update.0.verb"),
            ({"create": [{"title": "a"}], "update": [{"id": "old", "status": "completed"}]}, "update.0.status"),
            ({"create": [{"title": "a"}], "update": [{"id": "old", "titel": "b"}]}, "update.0.titel"),
            ({"update": [{"id": "old", "title": "b"}], "delete": ["nothing"]}, "delete"),
            ({"create": [5]}, "create.0"), ({"create": {}}, "create"), ({"delete": [{}]}, "delete.0"),
            ({"update": None}, "update"), ({"upsert": []}, "upsert"),
        ],
    )  # fmt: skip
    def test_does_nothing_when_one_is_wrong(self, api, lists, field):
        client = api()
        TaskFactory(id="old", title="before")

        with nothing_stored():
            refused(client.post("/tasks/bulk", **lists), 400, field)

        assert Task.objects.get().title == "before"

    @pytest.mark.parametrize("way", ["create", "update", "delete"])
    def test_of_1001_is_refused(self, api, way):
        client = api()
        row = {"create": {"title": "a"}, "update": {"id": "old"}, "delete": "old"}[way]

        with nothing_stored():
            assert "send at most 1000" in refused(client.post("/tasks/bulk", **{way: [row] * 1001}), 400, "create")

    @pytest.mark.untraced
    def test_of_1000_is_done(self, api):
        done = api().post("/tasks/bulk", create=[{"title": f"Task {n}"} for n in range(1000)])

        assert len(done.json()["create"]) == Task.objects.count() == Event.objects.count() == 1000

    def test_in_part_answers_each_by_itself(self, api):
        client = api()
        TaskFactory(id="old", title="before")
        operations.claim_task(task_id=TaskFactory(id="held", routed=True).pk, owner="ada")

        done = client.post(
            "/tasks/bulk?partial=true",
            create=[{"title": "new", "id": "new"}, {"title": ""}, {"title": "b", "id": "old"}],
            update=[{"id": "old", "title": "after"}, {"id": "nothing"}, {"id": "old", "verb": "retry"}, {"id": {}}],
            delete=["held", "nothing"],
        )  # fmt: skip

        assert done.status_code == 200
        lists = done.json()
        assert lists["create"][0]["id"] == "new"
        assert [list(entry["errors"]) for entry in lists["create"][1:]] == [["create.0.title"], ["id"]]
        assert lists["update"][0]["title"] == "after"
        assert lists["update"][2]["code"] == "transition_not_allowed"
        assert "errors" in lists["update"][1] and "errors" in lists["update"][3]
        assert lists["delete"][0]["code"] == "task_is_held"
        assert set(Task.objects.values_list("pk", flat=True)) == {"old", "held", "new"}

    @pytest.mark.parametrize("word", ["yes", "1", "True"])
    def test_in_part_is_asked_for_by_true(self, api, word):
        client = api()

        with nothing_stored():
            refused(client.post(f"/tasks/bulk?partial={word}", create=[{"title": "a"}]), 400, "partial")

    def test_needs_an_operator(self, api):
        refused(api("executor").post("/tasks/bulk", create=[{"title": "a"}]), 403)

    def test_deletes_no_task_twice(self, api):
        client = api()
        TaskFactory(id="old")

        with nothing_stored():
            refused(client.post("/tasks/bulk", delete=["old", "old"]), 404)
