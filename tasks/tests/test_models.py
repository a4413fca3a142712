from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from tasks.models import Task, TaskClaim, TaskDependency, TransitionNotAllowed
from tasks.tests.factories import TaskFactory

# every status with every status that it can become (data-model.md)
MOVES = {
    "pending": {"routed", "cancelled"},
    "routed": {"claimed", "pending", "blocked", "cancelled"},
    "claimed": {"in_progress", "routed", "failed", "cancelled"},
    "in_progress": {"completed", "failed", "blocked", "routed", "cancelled"},
    "blocked": {"routed", "in_progress", "cancelled"},
    "failed": {"pending", "cancelled"},
    "completed": set(),
    "cancelled": set(),
}


class TestMoveTo:
    """The lifecycle, in memory."""

    @pytest.mark.parametrize("was", Task.Status.values)
    @pytest.mark.parametrize("wanted", Task.Status.values)
    def test_allows_just_the_moves_of_the_table(self, was, wanted):
        task = Task(title="a", status=was)

        if wanted in MOVES[was]:
            task.move_to(wanted)
            assert task.status == wanted
        else:
            with pytest.raises(TransitionNotAllowed, match=f"The task is {was}, so it cannot become {wanted}"):
                task.move_to(wanted)
            assert task.status == was

    def test_says_what_is_possible(self):
        with pytest.raises(TransitionNotAllowed, match=r"It can become: cancelled, pending\."):
            Task(title="a", status="failed").move_to("completed")
        with pytest.raises(TransitionNotAllowed, match="nothing: it is over"):
            Task(title="a", status="completed").move_to("pending")

    def test_drops_the_lease_with_the_hold(self):
        task = Task(title="a", status="in_progress", lease_owner="ada", lease_until=timezone.now())

        task.move_to("blocked")

        assert (task.lease_owner, task.lease_until) == (None, None)

    def test_keeps_the_lease_while_held(self):
        task = Task(title="a", status="claimed", lease_owner="ada", lease_until=timezone.now())

        task.move_to("in_progress")

        assert task.lease_owner == "ada"


class TestATask:
    """What the model says of itself."""

    def test_counts_its_attempts(self):
        with pytest.raises(ValidationError, match="2 attempts were made"):
            Task(title="a", attempts=2, max_attempts=1).clean()

    def test_is_shown_by_its_title(self):
        assert str(Task(title="Fix the build")) == "Fix the build"


@pytest.mark.django_db
class TestTheTable:
    """What holds whoever writes."""

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("task_id_is_short", {"id": "x" * 51}),
            ("task_id_is_short", {"id": ""}),
            ("task_title_is_short", {"title": "x" * 501}),
            ("task_is_not_its_own_parent", {"id": "self", "parent_id": "self"}),
            ("task_is_placed_once_routed", {"status": "routed"}),
            ("task_is_placed_once_routed", {"status": "blocked"}),
            ("task_has_a_lease_iff_held", {"routed": True, "status": "claimed"}),
            ("task_has_a_lease_iff_held", {"lease_owner": "ada"}),
            ("task_has_finished_iff_over", {"status": "cancelled"}),
            ("task_has_finished_iff_over", {"finished_at": timezone.now()}),
            ("task_has_failed_at_once_failed", {"routed": True, "status": "failed"}),
            ("task_confidence_is_a_share", {"routing_confidence": 1.5}),
            ("task_confidence_is_a_share", {"routing_confidence": -0.1}),
            ("task_attempts_are_within_the_limit", {"attempts": 4}),
            ("task_status_is_known", {"routed": True, "status": "lost"}),
            ("task_priority_is_known", {"priority": "extreme"}),
        ],
    )
    def test_refuses(self, name, fields):
        with pytest.raises(DatabaseError, match=f"{name}|value too long"), transaction.atomic():
            TaskFactory(**fields)

    def test_ranks_priorities(self):
        for priority in ("low", "urgent", "medium", "high"):
            TaskFactory(priority=priority)

        ranked = Task.objects.order_by("priority_rank").values_list("priority", flat=True)
        assert list(ranked) == ["urgent", "high", "medium", "low"]

    def test_holds_one_live_claim_a_task(self):
        task, now = TaskFactory(), timezone.now()
        TaskClaim.objects.create(task=task, owner="ada", fence=1, taken_at=now)

        with pytest.raises(IntegrityError), transaction.atomic():
            TaskClaim.objects.create(task=task, owner="bob", fence=2, taken_at=now)

    def test_holds_one_claim_a_fence(self):
        task, now = TaskFactory(), timezone.now()
        TaskClaim.objects.create(task=task, owner="ada", fence=1, taken_at=now, released_at=now)

        with pytest.raises(IntegrityError), transaction.atomic():
            TaskClaim.objects.create(task=task, owner="bob", fence=1, taken_at=now)

    def test_holds_one_dependency_a_pair_and_none_on_itself(self):
        one, other = TaskFactory(), TaskFactory()
        TaskDependency.objects.create(task=one, depends_on=other)

        for pair in ({"task": one, "depends_on": other}, {"task": one, "depends_on": one}):
            with pytest.raises(IntegrityError), transaction.atomic():
                TaskDependency.objects.create(**pair)


@pytest.mark.django_db
class TestQuestions:
    """The catalogue of questions."""

    def test_about_status_know_the_words_of_others(self):
        TaskFactory(id="open")
        TaskFactory(id="done", routed=True, status="completed", finished_at=timezone.now())

        assert [task.pk for task in Task.objects.in_status("open")] == ["open"]
        assert [task.pk for task in Task.objects.in_status("done")] == ["done"]

    def test_about_readiness_look_at_everything_that_a_task_waits_for(self):
        now = timezone.now()
        TaskFactory(id="ready", routed=True, priority="low")
        TaskFactory(id="first", routed=True, priority="urgent")
        TaskFactory(id="pending")
        TaskFactory(id="deferred", routed=True, defer_until=now + timedelta(hours=1))
        TaskFactory(id="due", routed=True, defer_until=now - timedelta(hours=1))
        TaskFactory(id="tried", routed=True, attempts=3)
        blocked = TaskFactory(id="blocked", routed=True)
        TaskDependency.objects.create(task=blocked, depends_on_id="pending")

        assert [task.pk for task in Task.objects.ready()] == ["first", "due", "ready"]

    def test_about_blockers_want_each_of_them_completed(self):
        waiting = TaskFactory(id="waiting", routed=True)
        over = {"finished_at": timezone.now(), "routed": True}
        TaskDependency.objects.create(task=waiting, depends_on=TaskFactory(status="completed", **over))
        assert Task.objects.ready().filter(pk="waiting").exists()

        TaskDependency.objects.create(task=waiting, depends_on=TaskFactory(status="cancelled", **over))
        assert not Task.objects.ready().filter(pk="waiting").exists()

    def test_about_routing_leave_out_what_people_look_at(self):
        now = timezone.now()
        TaskFactory(id="late", created_at=now)
        TaskFactory(id="early", created_at=now - timedelta(hours=1))
        TaskFactory(id="urgent", priority="urgent")
        TaskFactory(id="review", review_required=True)
        TaskFactory(id="later", route_after=now + timedelta(hours=1))
        TaskFactory(id="routed", routed=True)

        assert [task.pk for task in Task.objects.awaiting_routing(now=now)] == ["urgent", "early", "late"]
        assert [task.pk for task in Task.objects.in_review()] == ["review"]

    def test_by_words_want_every_one(self):
        TaskFactory(id="both", title="Login error", description=None)
        TaskFactory(id="spread", title="Login", description="an ERROR")
        TaskFactory(id="one", title="Login")

        assert {task.pk for task in Task.objects.search("login error")} == {"both", "spread"}
        assert {task.pk for task in Task.objects.search("one")} == {"one"}
        assert Task.objects.search("").count() == 3
