from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.common.errors import Gone, Invalid
from hopper.tests.refusals import nothing_stored
from tasks import operations
from tasks.models import Task
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held, kinds

pytestmark = pytest.mark.django_db


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

        with pytest.raises(operations.TaskNotClaimable, match="to be completed"):
            operations.claim_task(task_id=task.pk, owner="ada")
        operations.complete_task(task_id=first.pk, fence=None, owner=None, **ACTOR)

        assert operations.claim_task(task_id=task.pk, owner="ada").status == "claimed"

    def test_says_when_there_is_no_such_task(self):
        with pytest.raises(Gone):
            operations.claim_task(task_id="nothing", owner="ada")

    @pytest.mark.parametrize("seconds", [0, -1, 86_401, 10**20])
    def test_refuses_an_odd_lease(self, seconds):
        with pytest.raises(Invalid, match="1 to 3600 seconds"):
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
