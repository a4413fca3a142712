import pytest
from django.urls import reverse

from feedback.operations import record_feedback, withdraw_feedback
from routing.learning.history import History, Told, Trial
from routing.learning.memory import Lesson, Memory
from routing.models import Episode
from routing.operations import explain_task, loading, refit, route_task, suggest_for
from routing.policy.replay import replay
from routing.policy.types import TaskView
from routing.strategies import Fortune, Recollection
from routing.tests.factories import activate_rules, make_projects, roster, teach, teach_topics, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

DAY = 86_400
NOW = 1000 * DAY
GIZMO = "the gizmo has a broken flange"


def said(*outcomes, places=("web", "data"), title=GIZMO, usual=0.5):
    """What the factor says where such tasks went to a place, well or badly, so many days ago.

    Of 20 tasks that are unlike this one a `usual` share went well.
    """
    found = [(f"e{n}", *outcome) for n, outcome in enumerate(outcomes)]
    memory = Memory().learn(
        Lesson.of(episode=key, text=GIZMO, project=project, reliability=1.0) for key, project, _, _ in found
    )
    trials = [Told(key, Trial(project, well, NOW - days * DAY)) for key, project, well, days in found]
    trials += [Told(f"u{n}", Trial("web", n < 20 * usual, NOW)) for n in range(20)]
    return Fortune(Recollection(memory), History().learn(trials)).weigh(TaskView(title, at=NOW), roster(*places))


class TestTheFactor:
    def test_says_how_many_similar_tasks_went_well_there(self):
        told = said(*[("web", True, 0)] * 4, ("web", False, 0))
        assert told.reason(0) == "4 of 5 similar tasks went well there"
        assert told.odds[0] > 0 == told.odds[1]
        assert 0.5 < told.scores[0] < 0.8

    def test_speaks_against_a_place_where_they_fail(self):
        assert said(*[("web", False, 0)] * 3).odds[0] < -1

    def test_says_nothing_where_they_go_as_everything_goes(self):
        told = said(*[("web", True, 0)] * 6, usual=1.0)
        assert (told.odds[0], told.reason(0)) == (0, None)
        assert said(*[("web", False, 0)] * 6, usual=0.0).odds[0] == 0
        assert said(*[("web", True, 0)] * 5, ("web", False, 0), usual=1.0).odds[0] == 0

    def test_speaks_the_louder_against_a_place_the_better_things_usually_go(self):
        failed = [("web", False, 0)] * 2 + [("web", True, 0)]
        assert said(*failed, usual=1.0).odds[0] < said(*failed).odds[0] <= 0

    def test_says_nothing_while_it_is_open(self):
        told = said(("web", True, 0), ("web", False, 0))
        assert (told.odds[0], told.reason(0)) == (0, None)

    def test_is_halved_every_ninety_days(self):
        fresh, old, ancient = (said(*[("web", True, days)] * 5).odds[0] for days in (0, 180, 3600))
        assert fresh > 1.5 * old > 0
        assert ancient == 0

    def test_counts_a_task_as_much_as_it_is_like_this_one(self):
        outcomes = [("web", True, 0)] * 4
        assert said(*outcomes).odds[0] > said(*outcomes, title="the gizmo").odds[0]

    def test_has_nothing_to_say_of_places_that_are_not_there(self):
        assert said(("gone", True, 0)) is None

    def test_forgets_what_was_taken_back(self):
        history = History().learn([Told("e", Trial("web", True, NOW))])
        assert history.learn([Told("e", None)]).trials == {}


@pytest.mark.django_db
class TestWhatBecameOfSimilarTasks:
    def sent(self, count, *, title=GIZMO, to="web", **verdict):
        """Tasks that a rule sent to a place, and what was said of them."""
        activate_rules(votes_for(to, when={"keyword": title.split()[1]}))
        tasks = [TaskFactory(title=f"{title} {number}") for number in range(count)]
        for task in tasks:
            assert route_task(task=task).project_id == to
            record_feedback(task=task, actor="ada", **verdict)
        activate_rules()
        return tasks

    def web(self):
        choice = suggest_for(task=Task(title=GIZMO))
        (place,) = [place for place in choice.ranked if place.project == "web"]
        return place

    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_counts_though_nobody_knows_where_they_belonged(self, is_fitted):
        teach_topics()
        if is_fitted:
            refit()
        before = self.web()
        tasks = self.sent(4, was_good_match=False)
        after = self.web()
        assert after.score < before.score
        assert after.why["history"] == "0 of 4 similar tasks went well there"
        loading.forget()
        assert self.web() == after
        for task in tasks:
            withdraw_feedback(feedback=task.feedback, actor="ada")
        assert "history" not in self.web().why

    def test_is_known_in_a_process_that_starts_after_the_fit(self):
        projects = teach_topics()
        teach(projects["web"], *[f"{GIZMO} {number}" for number in range(3)])
        self.sent(1, was_good_match=False)
        refit()
        assert self.web().why["history"] == "3 of 4 similar tasks went well there"

    def test_is_told_with_the_decision_and_makes_it_again(self):
        make_projects("web", "data")
        self.sent(4, was_good_match=True)
        self.sent(1, was_good_match=False)
        self.sent(6, title="the disk is full", to="data", was_good_match=False)
        task = TaskFactory(title=GIZMO)
        assert route_task(task=task).project_id == "web"
        told = explain_task(task=task)
        assert "4 of 5 similar tasks went well there" in told["sentence"]
        assert sorted(near["success"] for near in told["history"]) == [False, True, True, True, True]
        assert explain_task(task=task, among={"data"})["history"] == []
        episode, policy = Episode.objects.get(task=task), loading.load_knowledge().policy
        assert replay(episode.decision_factors, policy).confidence == pytest.approx(episode.confidence)

    def test_is_shown_on_the_page_of_the_decision(self, admin_client):
        make_projects("web", "data")
        self.sent(4, was_good_match=True)
        task = TaskFactory(title=GIZMO)
        route_task(task=task)
        page = admin_client.get(reverse("admin:routing_decision_change", args=[task.pk])).content.decode()
        assert "How similar tasks fared" in page
        assert page.count("<td>well</td>") == 4

    def test_is_missed_by_no_replay_of_a_record_from_before_it(self):
        (web, _) = make_projects("web", "data")
        teach(web, GIZMO)
        task = TaskFactory(title=GIZMO)
        route_task(task=task)
        record, policy = Episode.objects.get(task=task).decision_factors, loading.load_knowledge().policy
        del record["history"]
        for odds in record["odds"].values():
            del odds["history"]
        assert replay(record, policy).best.project == "web"
