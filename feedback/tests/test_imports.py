import pytest
from django.utils import timezone

from feedback.models import TaskFeedback
from feedback.operations import import_confirmed
from hopper.common.errors import HopperError, Invalid
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode, EpisodeJudgement
from routing.operations import suggest_for
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def bring(*rows):
    return import_confirmed(rows=list(rows), actor="ada")


def counts():
    return [model.objects.count() for model in (Task, Decision, Episode, EpisodeJudgement, TaskFeedback, Event)]


class TestImportedWork:
    def test_is_completed_work_with_decision_episode_lesson_feedback_and_events(self):
        instance = InstanceFactory()
        web = ProjectFactory(name="web", instance=instance)
        (task,) = bring({"title": "login page shows an error", "project": web, "tags": ["Bug"], "priority": "high"})
        task = Task.objects.get(pk=task.pk)
        assert (task.status, task.project, task.instance, task.tags) == ("completed", web, instance, ["bug"])
        assert (task.decision.decided_by, task.decision.confidence, task.decision.instance) == ("human", 1.0, instance)
        episode = task.decision.episode
        assert (episode.chosen_project, episode.outcome_success, episode.completed_at) == (
            "web",
            True,
            task.finished_at,
        )
        assert episode.judgement.right_project == "web"
        assert (task.feedback.was_good_match, task.feedback.source) == (True, "import")
        assert list(Event.objects.order_by("id").values_list("type", flat=True)) == [
            "task.imported",
            "feedback.recorded",
        ]

    def test_teaches(self):
        (web, data) = make_projects("web", "data")
        bring(
            {"title": "login page shows an error", "project": web}, {"title": "invoice import fails", "project": data}
        )
        assert suggest_for(task=Task(title="the login page shows an error")).best.project == "web"

    def test_keeps_when_it_was_finished(self):
        then = timezone.now() - timezone.timedelta(days=9)
        (task,) = bring({"title": "x", "project": ProjectFactory(), "finished_at": then})
        assert Task.objects.get(pk=task.pk).finished_at == then

    @pytest.mark.untraced
    def test_costs_far_fewer_queries_than_rows(self, django_assert_max_num_queries):
        project = ProjectFactory()
        with django_assert_max_num_queries(60):
            bring(*({"title": f"task {number}", "project": project} for number in range(300)))
        assert counts() == [300, 300, 300, 300, 300, 600]

    @pytest.mark.parametrize(
        ("row", "field"),
        [
            ({"title": ""}, "create.1.title"),
            ({"title": "x" * 501}, "create.1.title"),
            ({"title": "x", "priority": "soon"}, "create.1.priority"),
            ({"title": "x", "id": "no/slash"}, "create.1.id"),
            ({"title": "x", "project": None}, "create.1.project"),
        ],
    )
    def test_is_refused_as_a_whole_with_the_row_that_is_wrong(self, row, field):
        good = {"title": "good", "project": ProjectFactory()}
        with pytest.raises(Invalid) as caught:
            bring(good, {**good, **row})
        assert list(caught.value.errors) == [field]
        assert counts() == [0] * 6

    def test_needs_ids_of_its_own(self):
        project = ProjectFactory()
        TaskFactory(id="known")
        row = {"title": "x", "project": project}
        with pytest.raises(HopperError, match="already there: known"):
            bring({**row, "id": "new"}, {**row, "id": "known"})
        with pytest.raises(HopperError, match="1 ids stand twice"):
            bring({**row, "id": "new"}, {**row, "id": "new"})
        assert Task.objects.count() == 1

    def test_of_nothing_is_nothing(self):
        assert bring() == []
