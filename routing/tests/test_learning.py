import pytest
from django.utils import timezone

from feedback.operations import record_feedback, withdraw_feedback
from projects.tests.factories import ProjectFactory
from routing.models import Episode, EpisodeJudgement, LearnedState
from routing.operations import (
    judge_episode,
    loading,
    record_imported,
    refit,
    refit_if_due,
    route_task,
    suggest_for,
)
from routing.operations.learning import FEWEST, KEPT_STATES
from routing.operations.remembering import STATE
from routing.tests.factories import activate_rules, make_projects, teach, teach_topics, votes_for
from tasks.models import Task
from tasks.operations import delete_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LOGIN = "the login page shows an error"


def best_for(title):
    choice = suggest_for(task=Task(title=title))
    return choice.best.project if choice.is_routed else None


class TestALesson:
    def test_counts_for_the_very_next_task(self):
        (web, _) = make_projects("web", "data")
        assert best_for(LOGIN) is None
        teach(web, LOGIN)
        assert best_for(LOGIN) == "web"

    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_that_corrects_changes_the_next_decision_at_once_and_after_the_refit(self, is_fitted):
        teach_topics()
        if is_fitted:
            refit()
        activate_rules(votes_for("web", when={"keyword": "gizmo"}))
        task = TaskFactory(title="gizmo with a broken flange")
        assert route_task(task=task).project_id == "web"
        record_feedback(task=task, was_good_match=False, should_have_routed_to="data", actor="ada")
        activate_rules()
        assert best_for("another gizmo with a broken flange") == "data"
        refit()
        assert best_for("gizmo with a broken flange") == "data"

    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_that_is_withdrawn_is_forgotten(self, is_fitted):
        projects = teach_topics()
        if is_fitted:
            refit()
        (task,) = teach(projects["web"], "gizmo with a broken flange")
        assert best_for("gizmo with a broken flange") == "web"
        withdraw_feedback(feedback=task.feedback, actor="ada")
        assert best_for("gizmo with a broken flange") is None

    def test_that_is_withdrawn_after_a_fit_is_no_neighbour_any_more(self):
        projects = teach_topics()
        (task,) = teach(projects["web"], "gizmo with a broken flange")
        refit()
        view = loading.view_of_task(task)
        assert loading.load_knowledge().memory.predict(view.text).neighbours[0]["episode"] == task.decision.episode_id
        withdraw_feedback(feedback=task.feedback, actor="ada")
        left = loading.load_knowledge().memory.predict(view.text).neighbours
        assert task.decision.episode_id not in [entry["episode"] for entry in left]
        refit()
        assert best_for("gizmo with a broken flange") is None

    def test_with_an_unknown_destination_teaches_nothing(self):
        make_projects("web", "data")
        activate_rules(votes_for("web", when={"keyword": "login"}))
        task = TaskFactory(title=LOGIN)
        route_task(task=task)
        record_feedback(task=task, was_good_match=False, actor="ada")
        activate_rules()
        assert best_for(LOGIN) is None
        judgement = EpisodeJudgement.objects.get()
        assert (judgement.right_project, judgement.reliability) == (None, 0.0)

    def test_of_a_deleted_task_teaches_nothing_any_more(self):
        (web,) = make_projects("web")
        (task,) = teach(web, LOGIN)
        episode = task.decision.episode
        delete_task(task=task, actor="ada")
        loading.forget()
        assert best_for(LOGIN) is None
        episode.refresh_from_db()
        assert (episode.task, episode.judgement.right_project) == (None, "web")

    def test_sets_the_outcome_of_its_episode_once(self):
        (web,) = make_projects("web")
        (task,) = teach(web, LOGIN)
        assert Episode.objects.get().outcome_success is True
        record_feedback(task=task, was_good_match=False, actor="ada")
        episode = Episode.objects.get()
        assert (episode.outcome_success, episode.chosen_project) == (True, "web")

    def test_has_one_judgement_whose_newest_word_counts(self):
        (web,) = make_projects("web")
        (task,) = teach(web, LOGIN)
        episode = task.decision.episode
        judge_episode(episode=episode, right_project="data", judged_by="bob", reliability=0.4)
        judgement = EpisodeJudgement.objects.get()
        assert (judgement.right_project, judgement.judged_by, judgement.reliability) == ("data", "bob", 0.4)
        assert judgement.version == 2


class TestARefit:
    def test_needs_something_to_learn_from(self):
        assert refit() is None

    def test_is_due_from_the_first_twenty_lessons_on(self):
        projects = list(teach_topics(copies=2).values())
        assert EpisodeJudgement.objects.count() == 18 == FEWEST - 2
        assert refit_if_due() is None
        teach(projects[0], "one more", "and another")
        assert refit_if_due().number == 1

    def test_is_due_again_when_enough_lessons_are_new_or_have_changed(self):
        projects = teach_topics(copies=3)
        refit()
        tasks = teach(projects["web"], *(f"new lesson {n}" for n in range(FEWEST - 1)))
        assert refit_if_due() is None
        for task in tasks[:2]:
            withdraw_feedback(feedback=task.feedback, actor="ada")
        assert refit_if_due() is None
        teach(projects["data"], "the last straw")
        assert refit_if_due().number == 2
        assert refit_if_due() is None

    def test_is_not_due_over_and_over_for_judgements_that_teach_nothing(self):
        teach_topics(copies=2)
        refit()
        for number in range(FEWEST):
            task = TaskFactory(title=f"odd {number}")
            route_task(task=task)
            record_feedback(task=task, was_good_match=False, actor="ada")
        assert refit_if_due().number == 2
        assert refit_if_due() is None

    @pytest.mark.untraced
    def test_goes_on_past_twenty_thousand_examples(self):
        web = ProjectFactory(name="web")
        long_ago = timezone.now() - timezone.timedelta(days=1)
        metrics = {"examples": 20_000, "judged_until": long_ago.isoformat(), "encoder": ""}
        LearnedState.objects.create(kind=STATE, number=7, arrays=b"", metrics=metrics)
        tasks = TaskFactory.build_batch(2000, project=web, status="completed", finished_at=long_ago)
        record_imported(tasks=Task.objects.bulk_create(tasks), actor="ada")
        assert refit_if_due().number == 8

    def test_keeps_the_newest_states_alone(self):
        teach_topics(copies=1)
        numbers = [refit().number for _ in range(KEPT_STATES + 2)]
        kept = LearnedState.objects.order_by("number").values_list("number", flat=True)
        assert list(kept) == numbers[-KEPT_STATES:]

    def test_that_another_one_overtakes_is_dropped(self, once_after):
        teach_topics(copies=1)
        winners = []
        with once_after('SELECT "learned_states"."number"', lambda: winners.append(refit())):
            assert refit() is None
        assert [state.number for state in winners] == [1]
        assert list(LearnedState.objects.values_list("number", flat=True)) == [1]

    def test_does_not_keep_decisions_waiting(self, once_after):
        teach_topics(copies=2)
        refit()
        during = []

        def decide():
            during.append((loading.load_knowledge().memory.number, best_for("invoice import fails again")))

        with once_after('FROM "episode_judgements"', decide):
            assert refit().number == 2
        assert during == [(1, "data")]
        assert loading.load_knowledge().memory.number == 2

    def test_leaves_a_memory_that_is_in_use_as_it_was(self):
        teach_topics(copies=2)
        refit()
        held = loading.load_knowledge().memory
        teach(ProjectFactory(name="new"), LOGIN)
        refit()
        assert loading.load_knowledge().memory is not held
        assert (held.number, len(held.lessons)) == (1, 0)


class TestANewProcess:
    TITLES = ["login page shows an error", "invoice import", "disk is full", "gizmo with a flange", "zzz"]

    def decide(self):
        return [suggest_for(task=Task(title=title)) for title in self.TITLES]

    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_decides_as_the_one_that_saw_it_all(self, is_fitted):
        projects = teach_topics(copies=2)
        self.decide()
        if is_fitted:
            refit()
            self.decide()
        activate_rules(votes_for("data", when={"keyword": "disk"}, weight=0.3))
        (task, other) = teach(projects["web"], "gizmo with a broken flange", "disk full of cookies")
        self.decide()
        record_feedback(task=task, was_good_match=False, should_have_routed_to="infra", actor="ada")
        withdraw_feedback(feedback=other.feedback, actor="ada")
        warm = self.decide()
        loading.forget()
        assert self.decide() == warm


class TestImportedWork:
    def test_teaches_like_confirmed_work(self):
        (web,) = make_projects("web")
        task = TaskFactory(title=LOGIN, project=web, status="completed", finished_at=timezone.now())
        (episode,) = record_imported(tasks=[task], actor="ada")
        assert (episode.outcome_success, episode.strategy, task.decision.project_id) == (True, "human", "web")
        assert best_for(LOGIN) == "web"
