import pytest

from feedback.models import TaskFeedback
from feedback.operations import NothingToJudge, record_feedback, withdraw_feedback
from hopper.common.errors import Invalid
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Episode, EpisodeJudgement
from routing.operations import assign_task, route_task
from routing.tests.factories import make_projects
from routing.tests.sql import insert, refuses
from tasks.operations import delete_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    """A task that went to web."""
    make_projects("web", "data")
    task = TaskFactory(project_id="web")
    route_task(task=task)
    return task


def judge(task, good=True, **fields):
    return record_feedback(task=task, was_good_match=good, actor="ada", **fields)


def lesson():
    judgement = EpisodeJudgement.objects.get()
    return judgement.right_project, judgement.reliability


class TestAGoodMatch:
    def test_confirms_the_destination(self, task):
        feedback = judge(task, notes="well done")
        assert (feedback.was_good_match, feedback.given_by, feedback.source) == (True, "ada", "api")
        assert lesson() == ("web", 1.0)
        said = {"was_good_match": True, "should_have_routed_to": None, "notes": "well done", "source": "api"}
        assert Event.objects.about(feedback).get().payload == said

    def test_names_no_other_place(self, task):
        with pytest.raises(Invalid, match="A good match names no other place"):
            judge(task, should_have_routed_to="data")
        assert not EpisodeJudgement.objects.exists()

    def test_of_a_task_that_went_to_an_instance_alone_teaches_nothing(self):
        task = TaskFactory()
        assign_task(task=task, instance=InstanceFactory(), actor="ada")
        judge(task)
        assert lesson() == (None, 0.0)


class TestAWrongMatch:
    def test_names_a_project_by_its_name_or_its_slug(self, task):
        ProjectFactory(name="Über uns", slug="ueber-uns")
        for name in ("Über uns", "ueber-uns"):
            assert judge(task, good=False, should_have_routed_to=name).should_have_routed_to == name
            assert lesson() == ("Über uns", 1.0)

    def test_names_an_instance_of_one_project(self, task):
        instance = InstanceFactory(name="Data team")
        ProjectFactory(name="reports", instance=instance)
        for name in (instance.pk, "Data team"):
            judge(task, good=False, should_have_routed_to=name)
            assert lesson() == ("reports", 1.0)

    @pytest.mark.parametrize("projects", [0, 2])
    def test_names_an_instance_that_tells_no_project_and_teaches_nothing(self, task, projects):
        instance = InstanceFactory()
        ProjectFactory.create_batch(projects, instance=instance)
        judge(task, good=False, should_have_routed_to=instance.pk)
        assert lesson() == (None, 0.0)

    def test_may_not_know_where_it_belonged(self, task):
        judge(task, good=False)
        assert lesson() == (None, 0.0)
        assert Episode.objects.get(task=task).outcome_success is False

    def test_cannot_name_what_is_not_there(self, task):
        with pytest.raises(Invalid, match="There is no project and no instance 'nowhere'"):
            judge(task, good=False, should_have_routed_to="nowhere")
        assert not TaskFeedback.objects.exists()
        assert not Event.objects.filter(type__startswith="feedback").exists()


class TestAJudgement:
    def test_needs_a_decision(self):
        with pytest.raises(NothingToJudge):
            judge(TaskFactory())

    def test_says_whether_it_was_a_good_match(self, task):
        with pytest.raises(Invalid, match="Say true or false"):
            record_feedback(task=task, notes="hm", actor="ada")

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"quality_score": 5}, "quality_score", "5 is not from 0 to 1: divide stars by their number."),
            ({"quality_score": -0.1}, "quality_score", "-0.1 is not from 0 to 1: divide stars by their number."),
            ({"complexity_rating": 11}, "complexity_rating", "Send a whole number from 1 to 10."),
            ({"actual_duration": "soon"}, "actual_duration", "'soon' is no duration: write it like PT4H or 4h 30m."),
            ({"estimated_duration": "0h"}, "estimated_duration", "'0h' is no time at all: a duration is above zero."),
            ({"actual_duration": "9999w"}, "actual_duration", "'9999w' is too long: a duration is at most 10000 days."),
            ({"unexpected_blockers": "rain"}, "unexpected_blockers", "Send a list of texts."),
            ({"required_skills_not_tagged": {}}, "required_skills_not_tagged", "Send a list of texts."),
        ],
    )
    def test_is_refused_with_the_field_and_the_remedy(self, task, fields, field, says):
        with pytest.raises(Invalid) as caught:
            judge(task, **fields)
        assert caught.value.errors == {field: [says]}
        assert not TaskFeedback.objects.exists()

    @pytest.mark.parametrize(
        ("text", "seconds"), [("4h 30m", 16_200), ("PT4H30M", 16_200), ("P2D", 172_800), ("1w", 604_800)]
    )
    def test_keeps_durations_as_given_and_as_seconds(self, task, text, seconds):
        feedback = judge(task, estimated_duration=text, actual_duration=text)
        feedback.refresh_from_db()
        assert (feedback.estimated_duration, feedback.estimated_seconds) == (text, seconds)
        assert (feedback.actual_duration, feedback.actual_seconds) == (text, seconds)

    def test_takes_the_place_of_the_one_before_and_leaves_it_in_the_log(self, task):
        judge(task, notes="fine")
        judge(task, good=False, should_have_routed_to="data")
        feedback = TaskFeedback.objects.get()
        assert (feedback.was_good_match, feedback.notes, feedback.version) == (False, "fine", 2)
        assert lesson() == ("data", 1.0)
        assert [(event.type, event.payload["was_good_match"]) for event in Event.objects.about(feedback)] == [
            ("feedback.recorded", True), ("feedback.changed", False),
        ]  # fmt: skip

    def test_forgets_what_is_left_out_when_it_replaces(self, task):
        first = judge(task, notes="fine", quality_score=0.5)
        feedback = judge(task, replace=True, complexity_rating=3)
        feedback.refresh_from_db()
        assert (feedback.notes, feedback.quality_score, feedback.complexity_rating) == (None, None, 3)
        assert (feedback.version, feedback.created_at) == (2, first.created_at)

    def test_drops_the_other_place_once_the_match_was_good_after_all(self, task):
        judge(task, good=False, should_have_routed_to="data")
        assert judge(task).should_have_routed_to is None
        assert lesson() == ("web", 1.0)

    def test_can_be_taken_back_and_given_again(self, task):
        withdraw_feedback(feedback=judge(task), actor="ada")
        assert not TaskFeedback.objects.exists()
        assert lesson() == (None, 0.0)
        judge(task, good=False, should_have_routed_to="data")
        assert lesson() == ("data", 1.0)
        events = Event.objects.filter(aggregate_type="feedback.taskfeedback").order_by("version")
        assert [event.type for event in events] == ["feedback.recorded", "feedback.withdrawn", "feedback.recorded"]

    def test_goes_with_its_task_whose_episodes_stay(self, task):
        episode = task.decision.episode
        judge(task)
        delete_task(task=task, actor="ada")
        assert not TaskFeedback.objects.exists()
        episode.refresh_from_db()
        assert (episode.task_id, episode.chosen_project, episode.outcome_success) == (None, "web", True)


class TestTheQuestions:
    def test_find_judgements_by_project_and_by_match(self, task):
        feedback = judge(task)
        other = TaskFactory(project_id="data")
        route_task(task=other)
        judge(other, good=False)
        assert TaskFeedback.objects.of_project("web").get() == feedback
        assert TaskFeedback.objects.of_good_matches().get() == feedback


class TestTheTable:
    def test_refuses_scores_out_of_range_by_itself(self):
        row = {"task_id": TaskFactory().pk, "was_good_match": True, "given_by": "ada"}
        refuses("feedback_quality_is_a_share", "task_feedback", **row, quality_score=5)
        refuses("feedback_complexity_is_1_to_10", "task_feedback", **row, complexity_rating=11)
        insert("task_feedback", **row)
        feedback = TaskFeedback.objects.get()
        assert (feedback.source, feedback.unexpected_blockers) == ("api", [])
