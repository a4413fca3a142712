from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from hopper.common.errors import Gone, Invalid
from hopper.events.models import Event
from hopper.events.operations import StillInUse
from hopper.tests.refusals import nothing_stored
from projects.operations import delete_project
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.models import Task
from tasks.operations.intake import TaskIsHeld
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held, kinds

pytestmark = pytest.mark.django_db


class TestSubmitTask:
    """Taking a task in."""

    def test_stores_it_pending_with_its_event(self):
        task = operations.submit_task(title="a", tags=["API"], **ACTOR)

        assert (task.status, task.version, task.requester, task.tags) == ("pending", 1, "ada", ["api"])
        event = Event.objects.get()
        assert (event.type, event.actor, event.version) == ("task.submitted", "ada", 1)
        assert (event.aggregate_type, event.aggregate_id) == ("tasks.task", task.pk)

    def test_routes_it_once_it_is_committed(self, run_jobs):
        project = ProjectFactory(name="sark")

        task = run_jobs(operations.submit_task, title="a", project=project, **ACTOR)

        task.refresh_from_db()
        assert (task.status, task.project) == ("routed", project)

    def test_lets_it_wait_when_told_to(self, run_jobs):
        task = run_jobs(operations.submit_task, title="a", project=ProjectFactory(), route=False, **ACTOR)

        task.refresh_from_db()
        assert task.status == "pending"
        assert not Task.objects.awaiting_routing(now=timezone.now() + timedelta(days=365)).exists()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"title": ""}, "title"), ({"title": "x" * 501}, "title"), ({"id": "a b"}, "id"), ({"id": "x" * 51}, "id"),
            ({"priority": "extreme"}, "priority"), ({"tags": ['"']}, "tags"), ({"source": "moon"}, "source"),
            ({"status": "routed"}, "status"), ({"velocity_requirement": "now"}, "velocity_requirement"),
            ({"required_capabilities": {"python": 9}}, "required_capabilities"), ({"depends_on": ["x"]}, "depends_on"),
        ],
    )  # fmt: skip
    def test_names_the_field_that_breaks_a_rule(self, fields, field):
        with nothing_stored(), pytest.raises(Invalid) as refusal:
            operations.submit_task(**{"title": "a", **fields}, **ACTOR)

        assert list(refusal.value.errors) == [field]

    def test_refuses_an_id_that_is_taken(self):
        TaskFactory(id="taken")

        with nothing_stored(), pytest.raises(Invalid) as refusal:
            operations.submit_task(id="taken", title="a", **ACTOR)

        assert "id" in refusal.value.errors

    def test_links_it_to_what_it_waits_for(self):
        TaskFactory(id="first")

        task = operations.submit_task(title="a", depends_on=["first", "first"], **ACTOR)

        assert [edge.depends_on_id for edge in task.waits_for.all()] == ["first"]


class TestChangeTask:
    """Changing what a task says."""

    def test_tells_what_changed(self):
        task = operations.submit_task(title="a", **ACTOR)

        changed = operations.change_task(task=task, title="b", owner="bob", priority="medium", **ACTOR)

        assert (changed.title, changed.owner, changed.version) == ("b", "bob", 2)
        assert Event.objects.about(task).last().payload == {"changed": ["owner", "title"]}

    def test_tells_nothing_when_nothing_changed(self):
        task = operations.submit_task(title="a", **ACTOR)

        assert operations.change_task(task=task, title="a", **ACTOR).version == 1
        assert kinds(task) == ["task.submitted"]

    def test_tells_when_it_waits_for_others(self):
        task, first = operations.submit_task(title="a", **ACTOR), TaskFactory(id="first")

        changed = operations.change_task(task=task, depends_on=[first.pk], title="b", **ACTOR)
        operations.change_task(task=changed, depends_on=[first.pk], **ACTOR)
        operations.change_task(task=changed, depends_on=[], **ACTOR)

        assert kinds(task) == [
            "task.submitted",
            "task.dependencies_changed",
            "task.changed",
            "task.dependencies_changed",
        ]
        assert Task.objects.get(pk=task.pk).version == 4

    def test_refuses_a_typed_status_and_names_the_verbs(self):
        with pytest.raises(Invalid, match="claim, start, complete, fail"):
            operations.change_task(task=TaskFactory(), status="completed", **ACTOR)

    @pytest.mark.parametrize("status", ["routed", "claimed"])
    def test_refuses_to_move_what_is_routed(self, status):
        task, project = TaskFactory(routed=True) if status == "routed" else held(), ProjectFactory()

        with nothing_stored(), pytest.raises(Invalid, match=f"The task is {status}"):
            operations.change_task(task=task, project=project, **ACTOR)
        with pytest.raises(Invalid, match=f"The task is {status}"):
            operations.change_task(task=task, project=None, **ACTOR)

        assert operations.change_task(task=task, project=task.project, title="b", **ACTOR).title == "b"

    def test_refuses_a_parent_below_it(self):
        grandparent = TaskFactory()
        parent = TaskFactory(parent=grandparent)
        child = TaskFactory(parent=parent)

        for below in (grandparent, parent, child):
            with pytest.raises(Invalid) as refusal:
                operations.change_task(task=grandparent, parent=below, **ACTOR)
            assert "parent" in refusal.value.errors

        assert Task.objects.get(pk=grandparent.pk).parent is None

    def test_refuses_a_task_that_is_gone(self):
        task = TaskFactory()
        Task.objects.filter(pk=task.pk).delete()

        with pytest.raises(Gone):
            operations.change_task(task=task, title="b", **ACTOR)

    def test_refuses_fewer_attempts_than_were_made(self):
        task = TaskFactory(routed=True, attempts=2)

        with pytest.raises(Invalid, match="2 attempts were made"):
            operations.change_task(task=task, max_attempts=1, **ACTOR)


class TestNesting:
    """Readiness looks sixteen levels up, so nothing nests deeper."""

    @pytest.fixture
    def lowest(self):
        parent = None
        for level in range(16):
            parent = TaskFactory(id=f"level-{level}", parent=parent, routed=True)
        return parent

    @pytest.mark.parametrize("create", [
        lambda low: operations.submit_task(title="a", parent=low, **ACTOR),
        lambda low: operations.create_tasks(rows=[{"title": "a", "parent": low}], **ACTOR),
        lambda low: operations.change_task(task=TaskFactory(), parent=low, **ACTOR),
        lambda low: operations.decompose_task(task=low, subtasks=[{"title": "a"}], **ACTOR),
    ])  # fmt: skip
    def test_ends_at_sixteen_levels(self, lowest, create):
        with pytest.raises(Invalid, match="deeper than 16 levels"):
            create(lowest)

    def test_counts_what_hangs_below_a_task_that_moves(self, lowest):
        parent = Task.objects.get(pk="level-14")
        with pytest.raises(Invalid, match="deeper than 16 levels"):
            operations.change_task(task=TaskFactory(parent=TaskFactory(id="two")).parent, parent=parent, **ACTOR)
        operations.submit_task(title="a", parent=parent, **ACTOR)


class TestDeleteTask:
    """Deleting a task."""

    def test_keeps_its_events(self):
        task = operations.submit_task(title="a", **ACTOR)
        key = task.pk

        operations.delete_task(task=task, **ACTOR)

        versions = Event.objects.filter(aggregate_id=key).order_by("version").values_list("type", "version")
        assert list(versions) == [("task.submitted", 1), ("task.deleted", 2)]

    def test_lets_its_id_begin_again_above_its_past(self):
        operations.delete_task(task=operations.submit_task(id="again", title="a", **ACTOR), **ACTOR)

        operations.submit_task(id="again", title="b", **ACTOR)

        versions = Event.objects.filter(aggregate_id="again").order_by("pk").values_list("version", flat=True)
        assert list(versions) == [1, 2, 3]

    def test_takes_what_waits_with_it_off_the_list(self):
        first = TaskFactory()
        waiting = operations.submit_task(title="a", depends_on=[first.pk], **ACTOR)

        operations.delete_task(task=first, **ACTOR)

        assert not waiting.waits_for.exists()

    def test_refuses_what_somebody_works_on(self):
        task = held()

        with nothing_stored(), pytest.raises(TaskIsHeld):
            operations.delete_task(task=task, **ACTOR)

    def test_leaves_its_project_in_need_of_it_alone(self):
        project = TaskFactory(routed=True).project

        with nothing_stored(), pytest.raises(StillInUse, match="still has tasks: move them first"):
            delete_project(project=project, **ACTOR)


class TestTheAsyncDoor:
    """Each operation can be awaited."""

    def test_leads_to_the_same_operation(self):
        async def work():
            submit, claim = sync_to_async(operations.submit_task), sync_to_async(operations.claim_task)
            task = await submit(title="a", route=False, **ACTOR)
            with pytest.raises(operations.TaskNotClaimable):
                await claim(task_id=task.pk, owner="ada")
            return await Task.objects.acount(), await Event.objects.acount()

        assert async_to_sync(work)() == (1, 1)
