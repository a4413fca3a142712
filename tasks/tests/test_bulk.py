import pytest

from hopper.common.errors import HopperError, Invalid
from hopper.events.models import Event
from hopper.tests.refusals import nothing_stored
from tasks import operations
from tasks.models import Task, TaskDependency
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, kinds

pytestmark = pytest.mark.django_db


class TestManyAtOnce:
    """Bulk keeps every rule and every event."""

    @pytest.mark.untraced
    def test_creates_with_an_event_each(self):
        tasks = operations.create_tasks(rows=[{"title": f"Task {n}", "tags": ["a"]} for n in range(1000)], **ACTOR)

        assert Task.objects.count() == Event.objects.filter(type="task.submitted").count() == 1000
        assert {event.version for event in Event.objects.all()} == {1}
        assert kinds(tasks[500]) == ["task.submitted"]

    def test_creates_tasks_that_wait_for_each_other(self):
        operations.create_tasks(
            rows=[{"title": "b", "id": "b", "depends_on": ["a"]}, {"title": "a", "id": "a"}], **ACTOR
        )

        assert TaskDependency.objects.get().depends_on_id == "a"

    @pytest.mark.parametrize(
        ("row", "field"),
        [
            ({"title": "x" * 501}, "create.1.title"), ({"title": "b", "id": "a b"}, "create.1.id"),
            ({"title": "b", "priority": "soon"}, "create.1.priority"), ({"title": "b", "tags": [""]}, "create.1.tags"),
        ],
    )  # fmt: skip
    def test_creates_all_or_none(self, row, field):
        with nothing_stored(), pytest.raises(Invalid) as refusal:
            operations.create_tasks(rows=[{"title": "a"}, row], **ACTOR)

        assert list(refusal.value.errors) == [field]

    @pytest.mark.parametrize("rows", [[{"id": "x"}, {"id": "x"}], [{"id": "y"}, {"id": "there"}]])
    def test_creates_no_id_twice(self, rows):
        TaskFactory(id="there")

        with nothing_stored(), pytest.raises(HopperError, match="an id of its own"):
            operations.create_tasks(rows=[{"title": "a", **row} for row in rows], **ACTOR)

    def test_changes_all_or_none(self):
        TaskFactory(id="a", title="before")
        TaskFactory(id="b")

        with nothing_stored(), pytest.raises(Invalid):
            operations.update_tasks(rows=[{"id": "a", "title": "after"}, {"id": "b", "title": ""}], **ACTOR)
        assert Task.objects.get(pk="a").title == "before"

        operations.update_tasks(rows=[{"id": "a", "title": "after"}, {"id": "b", "owner": "bob"}], **ACTOR)
        assert kinds(Task.objects.get(pk="a")) == kinds(Task.objects.get(pk="b")) == ["task.changed"]

    def test_deletes_all_or_none(self):
        TaskFactory(id="a")

        with nothing_stored(), pytest.raises(Invalid, match="There is no such task"):
            operations.delete_tasks(ids=["a", "nothing"], **ACTOR)

        assert operations.delete_tasks(ids=["a"], **ACTOR) == ["a"]
        assert Event.objects.get().type == "task.deleted"
