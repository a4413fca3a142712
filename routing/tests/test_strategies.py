import pytest

from routing.learning.fit import fit
from routing.learning.memory import Memory
from routing.learning.model import Model
from routing.learning.recall import Lesson
from routing.policy.types import Candidate, TaskView
from routing.strategies import Boost, Capability, Learned, Recollection, Velocity, Workload
from routing.tests.factories import choose, policy, roster, votes_for

PYTHON = TaskView("x", required={"python": 2})


def scores(strategy, task, places):
    said = strategy.weigh(task, places)
    return dict(zip(places.names, said.scores, strict=True))


def odds(strategy, task, places):
    said = strategy.weigh(task, places)
    return dict(zip(places.names, said.odds, strict=True))


class TestCapability:
    places = roster(
        Candidate("novice", capabilities={"python": 2}),
        Candidate("expert", capabilities={"python": 5}),
        Candidate("other"),
    )

    def test_scores_by_how_far_the_level_is_above_the_one_required(self):
        assert scores(Capability(), PYTHON, self.places) == {"novice": 0.5, "expert": 1.0, "other": 0.0}

    def test_averages_over_the_required_skills(self):
        places = roster(Candidate("both", capabilities={"python": 5, "sql": 2}))
        assert scores(Capability(), TaskView("x", required={"python": 5, "sql": 2}), places)["both"] == pytest.approx(
            0.5
        )

    def test_routes_to_the_only_one_who_is_able(self):
        choice = choose(PYTHON, roster(Candidate("expert", capabilities={"python": 5}), "other"))
        assert (choice.outcome, choice.best.project, choice.decided_by) == ("routed", "expert", "capability")
        assert "can do python (level 5)" in choice.reasoning

    def test_reads_what_a_project_says_of_itself_while_nothing_was_learned(self):
        places = roster(Candidate("web", tags=("browser",), capabilities={"css": 3}), "data")
        task = TaskView("The browser ignores our CSS")
        assert choose(task, places).best.project == "web"
        assert Capability(use_mentions=False).weigh(task, places) is None

    def test_says_nothing_when_nothing_is_required_or_mentioned(self):
        assert Capability().weigh(TaskView("x"), self.places) is None

    def test_that_speaks_for_another_place_is_no_evidence_for_the_best(self):
        rules = policy(votes_for("web", when={"keyword": "browser"}, forbid=True))
        choice = choose(TaskView("browser"), roster(Candidate("web", tags=("browser",)), "data"), rules)
        assert choice.reasoning.startswith("It is unlike anything confirmed so far.")


class TestWorkload:
    def test_scores_the_room_that_is_left(self):
        places = roster(Candidate("half", capacity=4), Candidate("over", capacity=2), Candidate("free", capacity=1))
        said = scores(Workload({"half": 2, "over": 5}), TaskView("x"), places)
        assert said == {"half": 0.5, "over": 0.0, "free": 1.0}

    def test_scores_a_place_without_a_limit_too(self):
        assert scores(Workload({"open": 50}), TaskView("x"), roster("open", "idle")) == {"open": 0.5, "idle": 1.0}

    def test_pushes_a_task_away_from_the_busy(self):
        places = roster(
            Candidate("a", capacity=4, capabilities={"python": 4}),
            Candidate("b", capacity=4, capabilities={"python": 4}),
        )
        busy = {"a": 4}
        assert choose(PYTHON, places).best.project == "a"
        assert choose(PYTHON, places, workload=busy).best.project == "b"
        assert choose(PYTHON, places, policy(workload=0), workload=busy).ranked[0].score == pytest.approx(
            choose(PYTHON, places).ranked[0].score
        )

    def test_says_how_much_a_place_holds(self):
        said = Workload({"a": 3}).weigh(TaskView("x"), roster(Candidate("a", capacity=4), "b"))
        assert [said.reason(number) for number in (0, 1)] == ["holds 3 of 4 tasks", None]

    def test_shrinks_to_a_half_where_the_oldest_task_is_long_overdue(self):
        places = roster(Candidate("late", velocity="fast"), Candidate("slow", velocity="glacial"), "idle")
        said = scores(Workload({}, {"late": 3.0, "slow": 3.0}), TaskView("x"), places)
        assert said == {"late": pytest.approx(2 / 3), "slow": 1.0, "idle": 1.0}
        assert scores(Workload({}, {"late": 1e6}), TaskView("x"), places)["late"] == pytest.approx(0.5, abs=1e-3)
        assert Workload({}, {"late": 3.0}).weigh(TaskView("x"), places).reason(0) == "its oldest task is 2.0 days late"

    def test_says_nothing_while_nobody_works(self):
        assert Workload({}).weigh(TaskView("x"), roster("a")) is None


class TestVelocity:
    places = roster(
        Candidate("quick", velocity="fast"), Candidate("slow", velocity="slow"), Candidate("sworn", completion_days=2)
    )

    def test_compares_the_usual_days_with_the_pace_that_is_wanted(self):
        assert scores(Velocity(), TaskView("x", velocity="fast"), self.places) == {
            "quick": 1.0,
            "slow": 0.1,
            "sworn": 0.5,
        }

    def test_compares_them_with_the_due_date(self):
        assert scores(Velocity(), TaskView("x", days_left=1), self.places)["sworn"] == 0.5
        assert set(scores(Velocity(), TaskView("x", days_left=30), self.places).values()) == {1.0}

    def test_heeds_the_nearer_of_the_two(self):
        both = scores(Velocity(), TaskView("x", velocity="slow", days_left=5), self.places)
        assert both == scores(Velocity(), TaskView("x", days_left=5), self.places)

    def test_does_not_fail_on_an_overdue_task(self):
        assert 0 < scores(Velocity(), TaskView("x", days_left=-3), self.places)["slow"] < 0.01

    def test_prefers_who_can_meet_the_date(self):
        fast, slow = (Candidate(v, velocity=v, capabilities={"python": 4}) for v in ("fast", "slow"))
        choice = choose(TaskView("x", required={"python": 2}, days_left=1), roster(slow, fast))
        assert [place.project for place in choice.ranked] == ["fast", "slow"]
        assert choice.ranked[1].reasons[-1] == "usually needs 10 days, 1.0 are left"

    def test_says_nothing_when_nothing_is_wanted(self):
        assert Velocity().weigh(TaskView("x"), self.places) is None


class TestBoost:
    def test_favours_who_asks_for_the_priority_or_the_tag(self):
        places = roster(Candidate("keen", boost={"urgent": 2.0}), Candidate("shy", boost={"bug": 0.5}), "even")
        found = odds(Boost(), TaskView("x", priority="urgent", tags=("bug",)), places)
        assert found["keen"] > found["even"] == 0 > found["shy"]

    def test_is_bounded_and_does_not_depend_on_the_order_of_the_keys(self):
        both = {"urgent": 10, "bug": 10, "api": 0.5}
        task = TaskView("x", priority="urgent", tags=("api", "bug"))
        found = odds(
            Boost(), task, roster(Candidate("a", boost=both), Candidate("b", boost=dict(reversed(both.items()))))
        )
        assert found["a"] == found["b"] == pytest.approx(2.302585)

    def test_alone_is_no_reason_to_send_a_task_anywhere(self):
        assert not choose(TaskView("x", priority="urgent"), roster(Candidate("keen", boost={"urgent": 10}))).is_routed

    def test_says_nothing_when_nobody_asks(self):
        assert Boost().weigh(TaskView("x"), roster(Candidate("keen", boost={"urgent": 2.0}))) is None


class TestLearned:
    """Five places with four examples each and five with one: one task in five comes to a place for the first time."""

    OFTEN, ONCE = [f"often{n}" for n in range(5)], [f"once{n}" for n in range(5)]

    def said(self, *new, title="often2 thing"):
        texts = [(name, f"{name} thing {n}") for name in self.OFTEN for n in range(4)]
        texts += [(name, f"{name} thing") for name in self.ONCE]
        examples = [
            Lesson.of(episode=text, text=text, project=name, reliability=1.0, is_feedback=False) for name, text in texts
        ]
        memory = Memory(Model(fit(examples)[0]))
        return Learned(Recollection(memory)).weigh(TaskView(title), roster(*self.OFTEN, *self.ONCE, *new))

    def test_keeps_a_share_for_places_without_an_example(self):
        known, told = self.said(), self.said(*(f"new{n}" for n in range(10)))
        assert told.scores[10:].tolist() == pytest.approx([0.02] * 10)
        assert told.scores[:10].tolist() == pytest.approx((0.8 * known.scores).tolist())
        assert told.reason(10) is None

    def test_keeps_no_more_for_one_such_place_than_as_if_all_were_as_common(self):
        assert self.said("new").scores[10] == pytest.approx(1 / 11)

    def test_keeps_none_once_no_place_has_a_single_example(self):
        assert self.said().scores.sum() == pytest.approx(1)
        examples = [Lesson.of(episode=f"{n}", text=f"word{n % 5}", project=f"p{n % 5}", reliability=1.0)
                    for n in range(20)]  # fmt: skip
        memory = Memory(Model(fit(examples)[0]))
        told = Learned(Recollection(memory)).weigh(TaskView("word1"), roster(*(f"p{n}" for n in range(5)), "new"))
        assert told.scores[5] == 0
