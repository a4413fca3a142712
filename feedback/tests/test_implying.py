"""Lessons that nobody gives: what became of the work, until somebody says something."""

from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.jobs import learn_from_work
from feedback.operations import answer_review, record_feedback, withdraw_feedback
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import EpisodeJudgement
from routing.operations import assign_task, delegate_task, reject_delegation, route_task
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.operations import claim_task, complete_task, fail_task, retry_task, return_to_routing
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    """A task that went to web."""
    make_projects("web", "data")
    task = TaskFactory(project_id="web")
    route_task(task=task)
    return task


def finish(task):
    held = claim_task(task_id=task.pk, owner="bot")
    return complete_task(task_id=task.pk, fence=held.fence, owner="bot", actor="bot")


def lessons():
    found = EpisodeJudgement.objects.order_by("episode__routed_at").values_list(
        "signal", "right_project", "reliability"
    )
    return list(found)


class TestWorkThatWasCompleted:
    def test_confirms_weakly_where_it_was_done_and_says_so(self, task):
        finish(task)

        assert (learn_from_work(), learn_from_work()) == (1, 0)
        assert lessons() == [("completed", "web", 0.3)]
        assert EpisodeJudgement.objects.get().judged_by == "hopper"

    def test_confirms_nothing_after_rework(self, task):
        held = claim_task(task_id=task.pk, owner="bot")
        fail_task(task_id=task.pk, fence=held.fence, owner="bot", actor="bot")
        again = retry_task(task=Task.objects.get(pk=task.pk), actor="ada")
        assign_task(task=again, project=ProjectFactory(name="art"), actor="ada")
        EpisodeJudgement.objects.all().delete()
        finish(task)

        learn_from_work()

        assert "completed" not in {signal for signal, _, _ in lessons()}

    def test_teaches_nothing_where_somebody_has_spoken(self, task):
        finish(task)
        record_feedback(task=task, was_good_match=False, should_have_routed_to="data", actor="ada")

        assert learn_from_work() == 0
        assert lessons() == [("feedback", "data", 1.0)]

    def test_gives_way_to_what_somebody_says_and_comes_back_when_that_is_withdrawn(self, task):
        finish(task)
        learn_from_work()
        given = record_feedback(task=task, was_good_match=False, should_have_routed_to="data", actor="ada")
        assert lessons() == [("feedback", "data", 1.0)]

        withdraw_feedback(feedback=given, actor="ada")

        assert lessons() == [("completed", "web", 0.3)]

    def test_long_ago_is_left_to_the_daily_sweep(self, task):
        finish(task)
        Task.objects.update(updated_at=timezone.now() - timedelta(hours=2))

        assert (learn_from_work(), learn_from_work(hours=24)) == (0, 1)


class TestATaskThatAPersonMoved:
    def test_is_a_weak_correction(self, task):
        back = return_to_routing(task=task, actor="ada")
        assign_task(task=back, project=ProjectFactory(name="art"), actor="ada")

        learn_from_work()

        assert lessons() == [("moved", "art", 0.6)]

    def test_by_an_answer_to_the_review_queue_is_explicit(self, task):
        doubted = TaskFactory()
        route_task(task=doubted)
        answer_review(task=doubted, project=ProjectFactory(name="art"), actor="ada")

        assert learn_from_work() == 0
        assert lessons() == [("feedback", "art", 1.0)]


class TestAnOfferThatWasDeclined:
    @pytest.fixture
    def offer(self):
        root = InstanceFactory(id="root", scope="GLOBAL")
        desk = InstanceFactory(id="desk", scope="PROJECT", parent=root)
        team = InstanceFactory(id="team", scope="ORCHESTRATION", parent=desk)
        task = TaskFactory(instance=desk)
        assign_task(task=task, project=ProjectFactory(name="web", instance=desk), actor="ada")
        return delegate_task(task=Task.objects.get(pk=task.pk), target=team, actor="ada")

    @pytest.mark.parametrize(("reason", "wanted"), [("not_capable", [("declined", None, 0.0)]), ("busy", [])])
    def test_casts_doubt_if_the_work_did_not_fit(self, offer, reason, wanted):
        reject_delegation(delegation=offer, reason_code=reason, actor="bot")

        learn_from_work()

        assert lessons() == wanted
