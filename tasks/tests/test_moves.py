import pytest
from django.utils import timezone

from hopper.tests.refusals import nothing_stored
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.models import Task, TaskClaim, TransitionNotAllowed
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held

pytestmark = pytest.mark.django_db


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
