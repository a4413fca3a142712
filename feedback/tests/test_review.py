import pytest

from feedback.models import TaskFeedback
from feedback.operations import NotInReview, answer_review, record_feedback
from hopper.common.errors import Invalid
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Episode, EpisodeJudgement
from routing.operations import route_task, suggest_for
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    """A task in review, whose first guess is alpha."""
    make_projects("alpha", "beta", "gamma", "delta")
    task = TaskFactory(title="sort the stamps by country")
    route_task(task=task)
    return task


def answer(task, **place):
    return answer_review(task=task, actor="ada", **place)


class TestAnAnswer:
    def test_routes_the_task_by_human(self, task):
        instance = InstanceFactory()
        home = ProjectFactory(name="stamps", instance=instance)
        decision = answer(task, project=home, reason="stamps")
        task.refresh_from_db()
        assert (decision.decided_by, decision.confidence, decision.reasoning) == (
            "human",
            1.0,
            "ada chose stamps: stamps",
        )
        assert (task.status, task.project, task.instance) == (Task.Status.ROUTED, home, instance)
        assert (task.review_required, task.routing_confidence) == (False, 1.0)

    def test_teaches_so_that_the_next_like_task_goes_there(self, task):
        answer(task, project=ProjectFactory(name="stamps"))
        choice = suggest_for(task=Task(title="sort the stamps by year and country"))
        assert (choice.outcome, choice.best.project, choice.decided_by) == ("routed", "stamps", "learned")

    def test_is_feedback_that_says_whether_the_first_guess_was_right(self, task):
        answer(task, project=ProjectFactory(name="stamps"), reason="obvious")
        feedback = TaskFeedback.objects.get()
        assert (feedback.was_good_match, feedback.should_have_routed_to) == (False, "stamps")
        assert (feedback.source, feedback.given_by, feedback.routing_feedback) == ("review", "ada", "obvious")
        doubted, answered = Episode.objects.for_task(task)
        assert (doubted.outcome_success, doubted.judgement.right_project) == (False, "stamps")
        assert (answered.strategy, answered.outcome_success) == ("human", None)

    def test_is_a_good_match_when_it_agrees_with_the_first_guess(self, task):
        answer_review(task=task, project=ProjectFactory._meta.model.objects.get(pk="alpha"), actor="ada")
        feedback = TaskFeedback.objects.get()
        assert (feedback.was_good_match, feedback.should_have_routed_to) == (True, None)
        assert Episode.objects.for_task(task).first().outcome_success is True

    def test_may_be_an_instance_which_teaches_its_only_project(self, task):
        instance = InstanceFactory()
        ProjectFactory(name="stamps", instance=instance)
        decision = answer(task, instance=instance)
        assert (decision.project_id, decision.instance) == (None, instance)
        assert EpisodeJudgement.objects.get().right_project == "stamps"

    def test_leaves_its_events_in_order(self, task):
        answer(task, project=ProjectFactory(name="stamps"))
        assert [event.type for event in Event.objects.about(task)] == ["task.review_requested", "task.routed"]
        assert Event.objects.get(aggregate_type="feedback.taskfeedback").payload == {
            "was_good_match": False,
            "should_have_routed_to": "stamps",
            "source": "review",
        }

    def test_comes_once(self, task):
        answer(task, project=ProjectFactory())
        with pytest.raises(NotInReview):
            answer(task, project=ProjectFactory())
        assert Episode.objects.count() == 2

    def test_is_wanted_by_no_other_task(self):
        with pytest.raises(NotInReview):
            answer(TaskFactory(), project=ProjectFactory())

    def test_that_names_no_place_or_a_closed_one_changes_nothing(self, task):
        for place in ({}, {"project": ProjectFactory(is_active=False)}, {"instance": InstanceFactory(status="paused")}):
            with pytest.raises(Invalid):
                answer(task, **place)
        task.refresh_from_db()
        assert (task.review_required, TaskFeedback.objects.count(), EpisodeJudgement.objects.count()) == (True, 0, 0)

    def test_can_be_corrected_by_feedback(self, task):
        answer(task, project=ProjectFactory(name="stamps"))
        ProjectFactory(name="coins")
        record_feedback(task=task, was_good_match=False, should_have_routed_to="coins", actor="bob")
        assert suggest_for(task=Task(title="sort the stamps by country")).best.project == "coins"
        feedback = TaskFeedback.objects.get()
        assert (feedback.should_have_routed_to, feedback.given_by, feedback.version) == ("coins", "bob", 2)

    def test_replaces_what_was_said_before_it(self, task):
        record_feedback(task=task, was_good_match=False, notes="why did it stop?", actor="bob")
        answer(task, project=ProjectFactory(name="stamps"))
        feedback = TaskFeedback.objects.get()
        assert (feedback.source, feedback.should_have_routed_to, feedback.version) == ("review", "stamps", 2)

    def test_is_taken_for_a_task_that_came_without_a_decision(self):
        task = TaskFactory(review_required=True)
        assert answer(task, project=ProjectFactory(name="stamps")).project_id == "stamps"
