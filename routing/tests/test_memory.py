import pytest

from routing.learning.fit import fit
from routing.learning.memory import LONGEST_TAIL, Memory
from routing.learning.model import Model
from routing.learning.recall import Lesson
from routing.policy.types import Candidate, TaskView, text_of
from routing.strategies import Learned, Recollection
from routing.tests.factories import TOPICS, choose, policy, roster

PLACES = roster(*TOPICS, "new")


def lesson(text, project, episode=None, reliability=1.0):
    return Lesson.of(episode=episode or text, text=text, project=project, reliability=reliability)


def lessons(*pairs):
    return Memory().learn(lesson(text, project) for text, project in pairs)


def fitted():
    examples = [
        lesson(f"{text} again {n}", project, f"{project}-{n}-{text}")
        for n in range(5)
        for project, texts in TOPICS.items()
        for text in texts
    ]
    return Memory(Model(fit(examples)[0]), 1)


def decide(memory, title, places=PLACES, rules=None):
    return choose(TaskView(title), places, rules, learned=[Learned(Recollection(memory))])


class TestAFreshMemory:
    def test_knows_nothing(self):
        assert Memory().predict("login") is None

    def test_learns_from_a_single_lesson(self):
        choice = decide(lessons(("login page shows an error", "web")), "login page shows error")
        assert (choice.outcome, choice.best.project, choice.decided_by) == ("routed", "web", "learned")
        assert choice.evidence["neighbours"][0]["project"] == "web"
        assert "reads like its confirmed tasks" in choice.reasoning

    def test_doubts_what_is_unlike_its_lessons(self):
        choice = decide(lessons(("login page shows an error", "web")), "invoice table needs an index")
        assert (choice.outcome, choice.evidence["known"]) == ("abstained", False)

    @pytest.mark.parametrize("title", ["b", "fix", "do it"])
    def test_is_not_fooled_by_short_titles(self, title):
        assert decide(lessons(("a", "web"), ("go", "data")), title).outcome == "abstained"

    def test_weighs_lessons_by_their_reliability(self):
        memory = Memory().learn([lesson("login page", "web", "e1", 0.2), lesson("login page", "data", "e2", 0.9)])
        assert decide(memory, "login page").best.project == "data"

    def test_replaces_a_lesson_by_the_next_of_the_same_episode(self):
        memory = lessons(("login page", "web")).learn([lesson("login page", "data", "login page")])
        assert decide(memory, "login page").best.project == "data"
        assert len(memory.lessons) == 1

    def test_forgets_a_lesson_that_was_withdrawn(self):
        memory = lessons(("login page", "web")).learn([lesson("login page", None, "login page", 0.0)])
        assert memory.predict("login page") is None

    def test_is_not_changed_by_learning(self):
        before = lessons(("login page", "web"))
        before.learn([lesson("more", "data")])
        assert len(before.lessons) == 1

    def test_keeps_the_newest_lessons(self):
        memory = Memory().learn(lesson(f"task {number}", "web") for number in range(LONGEST_TAIL + 5))
        assert len(memory.lessons) == LONGEST_TAIL
        assert "task 4" not in memory.lessons
        assert f"task {LONGEST_TAIL + 4}" in memory.lessons


class TestAFittedMemory:
    def test_routes_what_is_like_its_examples(self):
        choice = decide(fitted(), "the login page is broken")
        assert (choice.outcome, choice.best.project) == ("routed", "web")

    def test_lets_one_later_lesson_take_over(self):
        memory = fitted().learn(
            [lesson("login page shows an error again 0", "data", "web-0-login page shows an error")]
        )
        assert decide(memory, "login page shows an error again 0").best.project == "data"
        assert decide(memory, "cluster node runs out of disk").best.project == "infra"

    def test_can_be_taught_a_place_it_has_not_seen(self):
        memory = fitted().learn([lesson("translate the handbook into Dutch", "new")])
        choice = decide(memory, "translate the handbook into Dutch now")
        assert (choice.outcome, choice.best.project) == ("routed", "new")

    def test_gives_a_place_it_has_not_seen_a_small_share(self):
        choice = decide(fitted(), "login page shows an error")
        assert 0 < {place.project: place.score for place in choice.ranked}["new"] < 0.01

    def test_counts_the_share_of_unknown_and_closed_places_as_doubt(self):
        choice = decide(fitted(), "the login page is broken", roster("data", "infra"))
        assert choice.outcome == "abstained"
        assert choice.evidence["elsewhere"] > 0.5

    def test_does_not_count_the_share_of_a_place_that_lacks_the_skill(self):
        places = roster(Candidate("web", capabilities={"css": 5}), Candidate("data", capabilities={"sql": 3}))
        task = TaskView("the login page is broken", required={"sql": 1})
        choice = choose(task, places, learned=[Learned(Recollection(fitted()))])
        assert (choice.outcome, choice.best.project) == ("routed", "data")
        assert choice.evidence["elsewhere"] < 0.4

    def test_does_not_route_by_a_model_that_the_policy_gives_no_weight(self):
        choice = decide(fitted(), "the login page is broken", roster("data"), policy(learned=0))
        assert (choice.outcome, choice.confidence) == ("abstained", 0.5)

    @pytest.mark.parametrize("title", ["日本語", "🎉", "zzz"])
    def test_does_not_guess_about_what_it_cannot_read(self, title):
        assert decide(fitted(), title).outcome == "abstained"


class TestTheTextOfATask:
    def test_is_title_tags_and_description(self):
        assert text_of("Fix it", None, ()) == "Fix it\n\n"
        assert text_of("Fix it", "now", ["api", "bug"]) == "Fix it\napi, bug\nnow"
