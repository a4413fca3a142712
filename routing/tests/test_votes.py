import pytest

from feedback.operations import record_feedback, withdraw_feedback
from routing.models import EpisodeJudgement
from routing.operations import assign_task, loading, refit, route_task
from routing.tests.factories import activate_rules, make_projects, teach, teach_topics, votes_for
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LOGIN = "the login page shows an error"


def routed(title, project):
    """A task that a rule sent to the project."""
    activate_rules(votes_for(project, when={"keyword": title.split()[0]}))
    task = TaskFactory(title=title)
    assert route_task(task=task).project_id == project
    activate_rules()
    return task


class TestTheNeighboursThatVoted:
    @pytest.fixture
    def places(self):
        """Two lessons of one text: one for web, one for data."""
        places = dict(zip(("web", "data", "infra"), make_projects("web", "data", "infra"), strict=True))
        for name in ("web", "data"):
            teach(places[name], LOGIN)
        EpisodeJudgement.objects.update(reliability=0.5)
        return places

    def test_are_trusted_less_when_overturned_and_more_when_right(self, places):
        task = routed(LOGIN, "web")
        record_feedback(task=task, was_good_match=False, should_have_routed_to="data", actor="ada")
        before = dict(EpisodeJudgement.objects.exclude(episode__task=task).values_list("right_project", "reliability"))
        assert before == {"web": pytest.approx(0.3), "data": pytest.approx(0.6)}

    def test_keep_their_trust_when_others_outvoted_them(self, places):
        record_feedback(task=routed(LOGIN, "web"), was_good_match=True, actor="ada")
        assert EpisodeJudgement.objects.get(right_project="data").reliability == 0.5

    def test_keep_their_trust_when_they_stood_aside_of_what_was_overturned(self, places):
        record_feedback(
            task=routed(LOGIN, "web"), was_good_match=False, should_have_routed_to="infra", actor="ada"
        )  # fmt: skip
        assert EpisodeJudgement.objects.get(right_project="data").reliability == 0.5

    def test_are_trusted_less_when_they_led_astray_though_nobody_knows_where_to(self, places):
        record_feedback(task=routed(LOGIN, "web"), was_good_match=False, actor="ada")
        before = dict(EpisodeJudgement.objects.confirmed().values_list("right_project", "reliability"))
        assert before == {"web": pytest.approx(0.3), "data": pytest.approx(0.5)}

    def test_are_never_trusted_more_than_wholly(self, places):
        EpisodeJudgement.objects.update(reliability=0.95)
        record_feedback(task=routed(LOGIN, "web"), was_good_match=True, actor="ada")
        assert EpisodeJudgement.objects.filter(right_project="web", reliability=1.0).count() == 2

    def test_are_judged_once_for_the_same_verdict_and_not_by_its_withdrawal(self, places):
        task = routed(LOGIN, "web")
        feedback = record_feedback(task=task, was_good_match=True, actor="ada")
        after = list(EpisodeJudgement.objects.order_by("pk").values_list("pk", "reliability"))
        record_feedback(task=task, was_good_match=True, notes="Well done.", actor="ada")
        assert list(EpisodeJudgement.objects.order_by("pk").values_list("pk", "reliability")) == after
        withdraw_feedback(feedback=feedback, actor="ada")
        kept = EpisodeJudgement.objects.confirmed().order_by("pk").values_list("pk", "reliability")
        assert list(kept) == [row for row in after if row[0] != task.decision.episode_id]

    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_count_less_for_the_very_next_task_in_this_process_and_in_a_new_one(self, is_fitted):
        teach_topics(copies=1)
        if is_fitted:
            refit()
        view = loading.view_of_task(TaskFactory.build(title="button colour on the checkout page", tags=[]))
        share = share_of("web", view)
        record_feedback(task=routed("button colour on the checkout page", "web"), was_good_match=False, actor="ada")
        warm = share_of("web", view)
        loading.forget()
        assert share_of("web", view) == pytest.approx(warm)
        assert warm < share


def share_of(project, view):
    said = loading.load_knowledge().memory.predict(view.text)
    return dict(zip(said.projects, said.shares, strict=True))[project]


class TestAnAssignedTask:
    def test_has_no_neighbours_to_weigh(self):
        (web,) = make_projects("web")
        teach(web, LOGIN)
        task = TaskFactory(title=LOGIN)
        assign_task(task=task, project=web, actor="ada")
        record_feedback(task=task, was_good_match=False, actor="ada")
        assert EpisodeJudgement.objects.get(right_project="web").reliability == 1.0
