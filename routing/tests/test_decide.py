import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy.types import Candidate, TaskView
from routing.tests.factories import choose, policy, roster, votes_for

LOGIN = TaskView("fix the login")
THREE = roster("alpha", "beta", "gamma")


class TestAnExplicitPlace:
    def test_is_chosen_without_a_doubt(self):
        choice = choose(TaskView("x", project="beta"), roster("alpha", Candidate("beta", instance="b-1")))
        assert (choice.outcome, choice.confidence, choice.decided_by) == ("routed", 1.0, "explicit")
        assert (choice.best.project, choice.best.instance) == ("beta", "b-1")
        assert choice.reasoning == "The requester named beta."

    def test_may_be_an_instance(self):
        choice = choose(TaskView("x", instance="b-1"), roster("alpha"))
        assert (choice.outcome, choice.best.project, choice.best.instance) == ("routed", None, "b-1")

    def test_beats_a_rule_that_forbids_it(self):
        rules = policy(votes_for("alpha", when={"keyword": "x"}, forbid=True))
        assert choose(TaskView("x", project="alpha"), THREE, rules).is_routed

    @pytest.mark.parametrize(
        ("task", "why"),
        [
            (TaskView("x", project="asleep"), "The requester named asleep, which is inactive: choose another place."),
            (TaskView("x", project="nobody"), "The requester named nobody, which is unknown: choose another place."),
            (TaskView("x", instance="b-1"), "The requester named instance b-1, which is paused: choose another place."),
            (
                TaskView("x", project="alpha", instance="b-1"),
                "The requester named alpha, which is paused: choose another place.",
            ),
        ],
    )
    def test_that_takes_no_work_is_left_to_a_person(self, task, why):
        choice = choose(task, roster("alpha", Candidate("asleep", inactive="is inactive"), closed={"b-1": "is paused"}))
        assert (choice.outcome, choice.confidence, choice.reasoning) == ("abstained", 0.0, why)


class TestARule:
    def test_that_votes_is_followed_at_its_weight(self):
        choice = choose(LOGIN, THREE, policy(votes_for("beta", when={"keyword": "login"}, weight=0.9, name="logins")))
        assert (choice.outcome, choice.best.project, choice.decided_by) == ("routed", "beta", "rules")
        assert 0.9 <= choice.confidence < 0.95
        assert "rule 'logins' votes for it (0.90)" in choice.reasoning

    def test_that_is_not_sure_enough_asks_a_person(self):
        choice = choose(LOGIN, THREE, policy(votes_for("beta", when={"keyword": "login"}, weight=0.3)))
        assert (choice.outcome, choice.best.project) == ("abstained", "beta")
        assert choice.reasoning == "Not sure enough (48%, 60% is needed)."

    def test_shares_with_a_rule_of_equal_weight_for_another(self):
        rules = policy(*(votes_for(name, when={"keyword": "login"}) for name in ("beta", "gamma")))
        choice = choose(LOGIN, THREE, rules)
        beta, gamma, _ = choice.ranked
        assert (choice.outcome, beta.score) == ("abstained", gamma.score)

    def test_that_is_always_right_leaves_a_little_doubt(self):
        choice = choose(LOGIN, THREE, policy(votes_for("beta", when={"keyword": "login"}, weight=1)))
        assert 0.99 <= choice.confidence < 1

    def test_for_a_project_that_cannot_take_it_does_not_count(self):
        rules = policy(votes_for("beta", when={"keyword": "login"}, weight=0.9))
        choice = choose(LOGIN, roster("alpha", Candidate("beta", inactive="is inactive")), rules)
        assert (choice.outcome, [place.project for place in choice.ranked]) == ("abstained", ["alpha"])

    def test_that_says_review_sends_even_a_sure_thing_to_a_person(self):
        rules = policy(
            votes_for("beta", when={"keyword": "login"}, weight=1),
            {"name": "ask", "when": {"keyword": "fix"}, "review": True},
        )
        choice = choose(LOGIN, THREE, rules)
        assert (choice.outcome, choice.best.project) == ("abstained", "beta")
        assert choice.reasoning == "Rule 'ask' sends it to a person."


class TestAbstaining:
    def test_is_the_answer_to_a_task_that_nothing_speaks_for(self):
        choice = choose(LOGIN, THREE)
        assert (choice.outcome, choice.confidence) == ("abstained", 0.25)
        assert choice.reasoning.startswith("It is unlike anything confirmed so far.")

    def test_is_the_answer_even_when_one_place_only_is_left(self):
        assert not choose(LOGIN, roster("alpha")).is_routed

    def test_follows_the_threshold_of_the_policy(self):
        rule = votes_for("beta", when={"keyword": "login"}, weight=0.8)
        assert choose(LOGIN, THREE, policy(rule, threshold=0.8)).is_routed
        assert not choose(LOGIN, THREE, policy(rule, threshold=0.95)).is_routed


class TestTies:
    def test_go_to_the_lighter_load_and_then_to_the_name(self):
        workload = {"alpha": 2, "beta": 1}
        weightless = policy(votes_for("gamma", when={"keyword": "login"}, forbid=True), workload=0)
        ranked = choose(LOGIN, roster("beta", "gamma", "alpha", "delta"), weightless, workload=workload).ranked
        assert [place.project for place in ranked] == ["delta", "beta", "alpha"]

    def test_do_not_depend_on_the_order_of_the_roster(self):
        names = [f"project-{number}" for number in range(12)]
        shuffled = random.Random(1).sample(names, len(names))
        assert [p.project for p in choose(LOGIN, roster(*shuffled)).ranked] == sorted(names)


class TestExploring:
    RULES = (votes_for("beta", when={"keyword": "login"}), votes_for("gamma", when={"keyword": "login"}))
    NEAR = policy(*RULES, threshold=0.3)

    def drawn(self, explore):
        rules = replace(self.NEAR, explore=explore)
        return [choose(TaskView("fix the login", id=f"task-{n}"), THREE, rules) for n in range(40)]

    def test_is_off_by_default(self):
        assert {choice.best.project for choice in self.drawn(0.0)} == {"beta"}

    def test_lets_near_equals_take_turns_and_says_how_likely_that_was(self):
        choices = self.drawn(0.05)
        assert {choice.best.project for choice in choices} == {"beta", "gamma"}
        assert {choice.propensity for choice in choices} == {0.5}

    def test_meets_the_same_place_for_the_same_task(self):
        assert self.drawn(0.05) == self.drawn(0.05)


class TestAChoice:
    def test_is_the_same_for_the_same_inputs(self):
        task = TaskView("fix the login", tags=("python",), required={"python": 2}, velocity="fast", days_left=1.5)
        places = roster(*(Candidate(f"p{n}", capabilities={"python": n % 5 + 1}, capacity=n + 1) for n in range(30)))
        rules = policy(votes_for("p3", when={"keyword": "login"}, weight=0.4))
        first, second = (choose(task, places, rules, workload={"p4": 1}) for _ in range(2))
        assert first == second

    def test_shows_twenty_places_at_most_best_first(self):
        ranked = choose(LOGIN, roster(*(f"p{n}" for n in range(50)))).ranked
        assert len(ranked) == 20
        assert [place.score for place in ranked] == sorted((place.score for place in ranked), reverse=True)

    def test_names_no_other_place_as_not_everybody_may_know_of_it(self):
        choice = choose(
            LOGIN, roster("alpha", "beta"), policy(votes_for("beta", when={"keyword": "login"}, weight=0.9))
        )
        assert choice.reasoning == "beta 93%: rule 'a rule' votes for it (0.90)."

    @given(
        st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.01, 1)), max_size=4),
        st.integers(1, 5), st.integers(0, 9), st.floats(-10, 100),
    )  # fmt: skip
    def test_has_shares_that_add_up_to_one_at_most(self, votes, level, load, days):
        rules = policy(*(votes_for(name, when={"keyword": "login"}, weight=weight) for name, weight in votes))
        task = TaskView("login", required={"python": level}, days_left=days, priority="urgent")
        places = roster(*(Candidate(n, capabilities={"python": 5}, capacity=3, boost={"urgent": 10}) for n in "abcd"))
        choice = choose(task, places, rules, workload={"a": load})
        assert 0 <= choice.confidence <= 1
        assert sum(place.score for place in choice.ranked) <= 1 + 1e-9
        assert all(0 <= score <= 1 for place in choice.ranked for score in place.factors.values())
