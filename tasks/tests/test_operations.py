from datetime import timedelta
from itertools import pairwise

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from hopper.common.errors import Gone, HopperError, Invalid
from hopper.events.models import Event
from hopper.events.operations import StillInUse
from hopper.tests.refusals import nothing_stored
from projects.operations import delete_project
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.models import Task, TaskClaim, TaskDependency, TransitionNotAllowed
from tasks.operations.intake import TaskIsHeld
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ACTOR = {"actor": "ada"}


def kinds(task):
    return [event.type for event in Event.objects.about(task)]


def held(**fields):
    return operations.claim_task(task_id=TaskFactory(routed=True, **fields).pk, owner="ada")


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


class TestClaimTask:
    """Taking a ready task for execution."""

    def test_gives_a_fence_and_a_lease(self):
        task = held()

        assert (task.status, task.lease_owner, task.fence, task.attempts) == ("claimed", "ada", 1, 1)
        assert timedelta(minutes=9) < task.lease_until - timezone.now() < timedelta(minutes=11)
        assert [(claim.owner, claim.fence, claim.released_at) for claim in task.claims.all()] == [("ada", 1, None)]
        assert kinds(task) == ["task.claimed"]

    def test_gives_it_to_one_alone(self):
        task = held()

        with nothing_stored(), pytest.raises(operations.TaskNotClaimable, match="Somebody holds this task already"):
            operations.claim_task(task_id=task.pk, owner="bob")

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "The task is pending; only a routed task"),
            ({"routed": True, "attempts": 3}, "All 3 attempts are used up"),
            ({"routed": True, "defer_until": timezone.now() + timedelta(days=1)}, "The task is deferred until"),
            ({"routed": True, "status": "blocked"}, "The task is blocked"),
            ({"status": "cancelled", "finished_at": timezone.now()}, "The task is cancelled"),
        ],
    )  # fmt: skip
    def test_says_what_it_waits_for(self, fields, said):
        task = TaskFactory(**fields)

        with nothing_stored(), pytest.raises(operations.TaskNotClaimable, match=said):
            operations.claim_task(task_id=task.pk, owner="ada")

    def test_says_when_it_waits_for_others(self):
        task, first = TaskFactory(routed=True), TaskFactory(routed=True)
        operations.add_dependency(task=task, depends_on=first, **ACTOR)

        with pytest.raises(operations.TaskNotClaimable, match="waits for others"):
            operations.claim_task(task_id=task.pk, owner="ada")
        operations.complete_task(task_id=first.pk, fence=None, owner=None, **ACTOR)

        assert operations.claim_task(task_id=task.pk, owner="ada").status == "claimed"

    def test_says_when_there_is_no_such_task(self):
        with pytest.raises(Gone):
            operations.claim_task(task_id="nothing", owner="ada")

    @pytest.mark.parametrize("seconds", [0, -1, 86_401, 10**20])
    def test_refuses_an_odd_lease(self, seconds):
        with pytest.raises(Invalid, match="1 to 86400 seconds"):
            operations.claim_task(task_id=TaskFactory(routed=True).pk, owner="ada", lease_seconds=seconds)


STEPS = [operations.start_task, operations.complete_task, operations.fail_task, operations.release_task]


class TestAStepOfWork:
    """Each names the fence; a stale one changes nothing."""

    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("proof", [{"fence": 0}, {"fence": 2}, {"fence": 10**25}, {"fence": 1, "owner": "bob"}])
    def test_changes_nothing_under_a_stale_fence(self, step, proof):
        task = held()
        before = Task.objects.values().get(pk=task.pk)

        with nothing_stored(), pytest.raises(operations.LeaseLost):
            step(task_id=task.pk, **{"owner": None, **proof}, **ACTOR)

        assert Task.objects.values().get(pk=task.pk) == before

    def test_of_a_holder_whose_task_was_taken_over_changes_nothing(self):
        first = held()
        operations.release_task(task_id=first.pk, fence=first.fence, owner="ada", **ACTOR)
        second = operations.claim_task(task_id=first.pk, owner="bob")

        for step in STEPS:
            with pytest.raises(operations.LeaseLost):
                step(task_id=first.pk, fence=first.fence, owner=None, **ACTOR)

        assert Task.objects.get(pk=first.pk).lease_owner == second.lease_owner == "bob"

    @pytest.mark.parametrize("step", STEPS)
    def test_changes_nothing_once_the_task_is_cancelled(self, step):
        task = held()
        operations.cancel_task(task=task, **ACTOR)

        with nothing_stored(), pytest.raises(operations.LeaseLost):
            step(task_id=task.pk, fence=task.fence, owner=None, **ACTOR)

    def test_to_complete_keeps_the_result(self):
        task = held()

        done = operations.complete_task(task_id=task.pk, fence=1, owner="ada", result={"url": "x"}, **ACTOR)

        assert (done.status, done.result, done.lease_owner) == ("completed", {"url": "x"}, None)
        assert done.finished_at and done.started_at
        assert kinds(task) == ["task.claimed", "task.started", "task.completed"]
        assert [claim.why for claim in task.claims.all()] == ["completed"]

    def test_to_complete_without_a_fence_claims_first(self):
        task = TaskFactory(routed=True)

        operations.complete_task(task_id=task.pk, fence=None, owner=None, **ACTOR)

        assert kinds(task) == ["task.claimed", "task.started", "task.completed"]

    def test_to_fail_keeps_the_reason(self):
        task = held()

        failed = operations.fail_task(task_id=task.pk, fence=1, owner=None, reason="no disk", **ACTOR)

        assert (failed.status, failed.failure_reason, failed.finished_at) == ("failed", "no disk", None)
        assert failed.failed_at

    def test_to_release_gives_the_attempt_back(self):
        task = held(max_attempts=1)

        operations.release_task(task_id=task.pk, fence=1, owner=None, **ACTOR)

        again = operations.claim_task(task_id=task.pk, owner="bob")
        assert (again.attempts, again.fence) == (1, 3)

    def test_to_stay_alive_renews_the_lease_and_is_no_event(self):
        task = held()

        renewed = operations.heartbeat_task(task_id=task.pk, fence=1, owner="ada", lease_seconds=3600)

        assert renewed.lease_until > task.lease_until
        assert (renewed.version, kinds(task)) == (task.version, ["task.claimed"])

    @pytest.mark.parametrize("fence", [0, 2])
    def test_to_stay_alive_under_a_stale_fence_fails(self, fence):
        with pytest.raises(operations.LeaseLost):
            operations.heartbeat_task(task_id=held().pk, fence=fence, owner=None)


class TestAMoveWithoutLease:
    """Only from where its verb makes sense."""

    @pytest.mark.parametrize(
        ("verb", "status"),
        [
            ("unblock", "pending"), ("unblock", "routed"), ("unblock", "claimed"), ("retry", "routed"),
            ("retry", "pending"), ("retry", "completed"), ("block", "pending"), ("block", "completed"),
            ("cancel", "completed"), ("cancel", "cancelled"),
        ],
    )  # fmt: skip
    def test_is_refused_elsewhere(self, verb, status):
        task = held() if status == "claimed" else TaskFactory(routed=status != "pending")
        if status in ("completed", "cancelled"):
            Task.objects.filter(pk=task.pk).update(status=status, finished_at=timezone.now())

        with nothing_stored(), pytest.raises(TransitionNotAllowed, match=f"The task is {status}"):
            getattr(operations, f"{verb}_task")(task=task, **ACTOR)

        assert Task.objects.get(pk=task.pk).status == status

    def test_to_block_takes_the_task_from_its_holder(self):
        task = held()
        operations.start_task(task_id=task.pk, fence=1, owner=None, **ACTOR)

        operations.block_task(task=task, reason="waits for parts", **ACTOR)
        operations.unblock_task(task=task, **ACTOR)

        assert operations.claim_task(task_id=task.pk, owner="bob").fence == 2
        assert [claim.why for claim in task.claims.order_by("fence")] == ["blocked", None]

    def test_to_retry_begins_anew(self):
        task = held()
        operations.fail_task(task_id=task.pk, fence=1, owner=None, reason="no disk", **ACTOR)

        again = operations.retry_task(task=task, **ACTOR)

        assert (again.status, again.attempts, again.project, again.failure_reason) == ("pending", 0, None, None)

    def test_to_place_takes_nothing_from_a_holder(self):
        task, where = held(), {"project": ProjectFactory(), "instance": None}

        with nothing_stored(), pytest.raises(TransitionNotAllowed, match="only a pending task"):
            operations.place_task(task=task, **where, confidence=1.0, reasoning="", **ACTOR)

    def test_to_cancel_ends_the_claim(self):
        task = held()

        operations.cancel_task(task=task, reason="not wanted", **ACTOR)

        assert Task.objects.get(pk=task.pk).finished_at
        assert not TaskClaim.objects.filter(released_at=None).exists()


class TestDependencies:
    """What waits for what, without circles."""

    def chain(self, *keys):
        tasks = [TaskFactory(id=key) for key in keys]
        for task, first in pairwise(tasks):
            operations.add_dependency(task=task, depends_on=first, **ACTOR)
        return tasks

    def test_are_events_of_the_task_that_waits(self):
        task, first = self.chain("a", "b")

        operations.remove_dependency(task=task, depends_on=first, **ACTOR)
        operations.remove_dependency(task=task, depends_on=first, **ACTOR)

        assert kinds(task) == ["task.dependency_added", "task.dependency_removed"]
        assert kinds(first) == []

    @pytest.mark.parametrize("ends", [("c", "a"), ("b", "a"), ("a", "a")])
    def test_never_close_a_circle(self, ends):
        tasks = dict(zip("abc", self.chain("a", "b", "c"), strict=True))

        with nothing_stored(), pytest.raises(Invalid, match="neither could ever start"):
            operations.add_dependency(task=tasks[ends[0]], depends_on=tasks[ends[1]], **ACTOR)

    def test_never_close_a_circle_by_a_list(self):
        tasks = self.chain("a", "b", "c")

        with nothing_stored(), pytest.raises(Invalid, match="neither could ever start"):
            operations.change_task(task=tasks[2], depends_on=["a"], **ACTOR)

    def test_never_close_a_circle_by_a_change(self):
        self.chain("a", "b", "c")
        edge = TaskDependency.objects.get(task="a")

        with nothing_stored(), pytest.raises(Invalid):
            operations.change_dependency(dependency=edge, task=Task.objects.get(pk="c"), **ACTOR)

        assert TaskDependency.objects.filter(task="a", depends_on="b").exists()

    def test_stand_once(self):
        task, first = self.chain("a", "b")

        with nothing_stored(), pytest.raises(Invalid, match="waits for that one already"):
            operations.add_dependency(task=task, depends_on=first, **ACTOR)


class TestManyAtOnce:
    """Bulk keeps every rule and every event."""

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
