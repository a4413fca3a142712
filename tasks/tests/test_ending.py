"""What follows when a task ends: completion frees, failure and cancellation raise, the last subtask completes."""

import pytest

from hopper.events.models import Event
from tasks import operations
from tasks.models import Task
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held, kinds

pytestmark = pytest.mark.django_db


def complete(key, result=None):
    return operations.complete_task(task_id=key, fence=None, owner=None, result=result, **ACTOR)


def fail(key):
    return operations.fail_task(task_id=key, fence=None, owner=None, **ACTOR)


def cancel(key):
    return operations.cancel_task(task=Task.objects.get(pk=key), **ACTOR)


def chain(kind="blocks", waiting="waiting"):
    """`waiting` waits for `first`."""
    first = Task.objects.filter(pk="first").first() or TaskFactory(id="first", routed=True)
    operations.add_dependency(task=TaskFactory(id=waiting, routed=True), depends_on=first, kind=kind, **ACTOR)


def status(key):
    return Task.objects.get(pk=key).status


class TestCompletion:
    def test_frees_who_waited_at_once_and_says_so(self):
        chain()
        complete("first")
        assert Task.objects.ready().filter(pk="waiting").exists()
        event = Event.objects.about(Task(pk="waiting")).last()
        assert (event.type, event.payload["by"]) == ("task.freed", "first")

    def test_tells_nobody_who_waits_for_more(self):
        chain()
        operations.add_dependency(
            task=Task.objects.get(pk="waiting"), depends_on=TaskFactory(id="second", routed=True), **ACTOR
        )
        before = kinds(Task(pk="waiting"))
        complete("first")
        assert kinds(Task(pk="waiting")) == before

    def test_cancels_what_was_only_for_its_failure(self):
        chain("conditional")
        complete("first")
        assert status("waiting") == "cancelled"
        assert "was completed" in Event.objects.about(Task(pk="waiting")).last().payload["reason"]


class TestCancelling:
    def test_a_branch_steps_the_version_of_each_subtask_that_waited_for_another(self):
        top = TaskFactory(id="top", routed=True)
        for key in ("first", "waiting"):
            TaskFactory(id=key, routed=True, parent=top)
        operations.add_dependency(task=Task.objects.get(pk="waiting"), depends_on=Task.objects.get(pk="first"), **ACTOR)
        cancel("top")
        steps = list(Event.objects.about(Task(pk="waiting")).values_list("type", "version"))
        assert [kind for kind, _ in steps][-2:] == ["task.blocker_lost", "task.cancelled"]
        assert Task.objects.get(pk="waiting").version == steps[-1][1]

    def test_a_branch_leaves_alone_what_an_ending_cancelled_already(self):
        top = TaskFactory(id="top", routed=True)
        for key in ("waiting", "first"):
            TaskFactory(id=key, routed=True, parent=top)
        cancel("waiting")
        cancel("top")
        assert kinds(Task(pk="waiting")).count("task.cancelled") == 1


class TestALoss:
    def test_of_what_is_not_needed_any_more_frees_nobody_again(self):
        parent = TaskFactory(id="parent", routed=True)
        for key in ("first", "second"):
            TaskFactory(id=key, routed=True, parent=parent)
        operations.add_dependency(
            task=TaskFactory(id="waiting", routed=True), depends_on=parent, kind="waits_for_children", quorum="any",
            **ACTOR,
        )  # fmt: skip
        complete("first")
        before = kinds(Task(pk="waiting"))
        assert before[-1] == "task.freed"
        fail("second")
        assert kinds(Task(pk="waiting")) == before

    @pytest.mark.parametrize("lose", [fail, cancel])
    def test_raises_who_waited_and_frees_nobody(self, lose):
        chain()
        lose("first")
        assert not Task.objects.ready().filter(pk="waiting").exists()
        assert kinds(Task(pk="waiting"))[-1] == "task.blocker_lost"
        assert [task.pk for task in Task.objects.stuck()] == ["waiting"]

    def test_frees_what_was_for_the_failure(self):
        chain("conditional")
        fail("first")
        assert Task.objects.ready().filter(pk="waiting").exists()
        assert kinds(Task(pk="waiting"))[-1] == "task.freed"

    def test_by_cancellation_takes_the_open_subtasks_along(self):
        top = TaskFactory(id="top", routed=True)
        operations.claim_task(task_id=TaskFactory(id="held", routed=True, parent=top).pk, owner="bob")
        TaskFactory(id="deep", parent_id="held")
        TaskFactory(id="done", parent=top, routed=True)
        complete("done")
        cancel("top")
        assert [status(key) for key in ("top", "held", "deep", "done")] == ["cancelled"] * 3 + ["completed"]
        with pytest.raises(operations.LeaseLost):
            operations.complete_task(task_id="held", fence=1, owner=None, **ACTOR)


class TestOneEndThatTouchesATaskTwice:
    def test_tells_the_log_and_the_row_the_same_version(self):
        whole = TaskFactory(id="whole", routed=True)
        for key in ("first", "second"):
            operations.submit_task(id=key, title=key, parent=whole, route=False, **ACTOR)
        operations.add_dependency(task=Task(pk="second"), depends_on=Task(pk="first"), **ACTOR)

        cancel("whole")

        second = Task.objects.get(pk="second")
        assert Event.objects.about(second).last().version == second.version

    @pytest.mark.parametrize("kind", ["conditional", "blocks"])
    def test_leaves_a_cancelled_subtask_cancelled(self, kind):
        chain("conditional", waiting="all of it")
        part = TaskFactory(id="part of it", routed=True, parent_id="all of it")
        operations.add_dependency(task=part, depends_on=Task(pk="first"), kind=kind, **ACTOR)

        complete("first")

        assert set(Task.objects.exclude(pk="first").values_list("status", flat=True)) == {"cancelled"}


class TestDecomposing:
    def split(self, *titles, **options):
        task = TaskFactory(id="whole", routed=True, priority="high", requester="eve")
        return operations.decompose_task(task=task, subtasks=[{"title": t} for t in titles], **ACTOR, **options)

    def place(self, *subtasks):
        for subtask in subtasks:
            Task.objects.filter(pk=subtask.pk).update(status="routed", project=Task.objects.get(pk="whole").project_id)

    def test_makes_subtasks_that_are_routed_like_any_task(self):
        one, two = self.split("one", "two")
        assert {(s.parent_id, s.status, s.priority, s.requester) for s in (one, two)} == {
            ("whole", "pending", "high", "eve")
        }
        assert kinds(Task(pk="whole")) == ["task.decomposed"]

    def test_lets_the_last_subtask_complete_the_whole_and_what_waits_for_it(self):
        subtasks = self.split("one", "two")
        operations.add_dependency(
            task=TaskFactory(id="after", routed=True), depends_on=Task.objects.get(pk="whole"), **ACTOR
        )
        self.place(*subtasks)
        complete(subtasks[1].pk, result=2)
        assert status("whole") == "routed"
        complete(subtasks[0].pk, result=1)
        whole = Task.objects.get(pk="whole")
        assert (whole.status, whole.result) == ("completed", {"subtasks": {subtasks[0].pk: 1, subtasks[1].pk: 2}})
        assert kinds(whole).count("task.completed") == 1
        assert Task.objects.ready().filter(pk="after").exists()

    @pytest.mark.parametrize("lose", [fail, cancel])
    def test_leaves_the_whole_to_a_person_when_a_subtask_is_lost(self, lose):
        one, two = self.split("one", "two")
        self.place(one, two)
        complete(one.pk)
        lose(two.pk)
        assert status("whole") == "routed"
        assert kinds(Task(pk="whole"))[-1] == "task.subtask_lost"

    def test_by_its_holder_gives_the_task_back(self, api):
        client = api("executor")
        task = TaskFactory(id="whole", routed=True)
        assert client.post("/tasks/whole/decompose", subtasks=[{"title": "a"}]).status_code == 400
        client.post("/tasks/whole/claim")
        answer = client.post("/tasks/whole/decompose", subtasks=[{"title": "a"}, {"title": "b"}], fence=1)
        assert [row["title"] for row in answer.json()["results"]] == ["a", "b"]
        task.refresh_from_db()
        assert (task.status, task.fence, task.attempts, task.lease_owner) == ("routed", 2, 0, None)
        assert client.post("/tasks/whole/complete", fence=1).json()["code"] == "lease_lost"

    @pytest.mark.parametrize("body", [
        {}, {"subtasks": []}, {"subtasks": [{"title": ""}]}, {"subtasks": [{"title": "a", "status": "routed"}]},
        {"subtasks": [{"title": "a", "colour": 1}]},
    ])  # fmt: skip
    def test_refuses_what_are_no_subtasks(self, api, body):
        TaskFactory(id="whole", routed=True)
        assert api("operator").post("/tasks/whole/decompose", **body).status_code == 400
        assert Task.objects.count() == 1


class TestChains:
    @pytest.fixture(autouse=True)
    def _rows(self):
        for task, first in (("b", "a"), ("c", "b"), ("c", "a")):
            for key in (task, first):
                Task.objects.filter(pk=key).exists() or TaskFactory(id=key, routed=True)
            operations.add_dependency(task=Task(pk=task), depends_on=Task(pk=first), **ACTOR)
        TaskFactory(id="d", parent=TaskFactory(id="up", parent=TaskFactory(id="root")))
        TaskFactory(id="below", parent_id="d")

    @pytest.mark.parametrize(("path", "chain"), [
        ("a/blocked", ["b", "c"]), ("c/blockers", ["a", "b"]), ("a/blockers", []),
        ("d/lineage", ["root", "up", "d", "below"]),
    ])  # fmt: skip
    def test_are_shown_whole(self, api, path, chain):
        rows = api("viewer").get(f"/tasks/{path}").json()["results"]
        assert sorted(row["id"] for row in rows) == sorted(chain)
        if path.endswith("lineage"):
            assert [row["id"] for row in rows] == chain


class TestSweeping:
    def expire(self, **fields):
        task = held(**fields)
        Task.objects.filter(pk=task.pk).update(lease_until=task.created_at)
        return task

    def test_gives_back_what_a_dead_worker_held(self):
        task = self.expire()
        still = held()
        assert operations.reap_leases() == 1
        task.refresh_from_db()
        assert (task.status, task.fence, task.attempts, task.lease_owner) == ("routed", 2, 1, None)
        assert kinds(task)[-1] == "task.lease_expired"
        assert Event.objects.about(task).last().payload["held_by"] == "ada"
        assert task.claims.get().why == "expired"
        still.refresh_from_db()
        assert still.status == "claimed"
        assert operations.reap_leases() == 0

    def test_fails_what_was_lost_too_often_and_raises_who_waits(self):
        task = self.expire(max_attempts=1)
        operations.add_dependency(task=TaskFactory(id="waiting", routed=True), depends_on=task, **ACTOR)
        operations.reap_leases()
        task.refresh_from_db()
        assert (task.status, kinds(task)[-1]) == ("failed", "task.failed")
        assert kinds(Task(pk="waiting"))[-1] == "task.blocker_lost"

    def test_lets_a_late_heartbeat_win_over_the_reaper(self):
        task = self.expire()
        operations.heartbeat_task(task_id=task.pk, fence=1, owner="ada")
        assert operations.reap_leases() == 0
