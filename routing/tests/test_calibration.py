"""The curve that makes a share honest, thresholds of places, and what they are said to do before they are saved."""

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from feedback.operations import record_feedback
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.learning.calibration import Judged, Observation, fit_curve, reliability
from routing.learning.pool import calibration_error
from routing.models import Episode, EpisodeJudgement, LearnedState
from routing.operations import calibrate_if_due, health, route_task
from routing.operations.loading import load_knowledge
from routing.policy.calibration import SAME, Curve, Gate, calibrate, threshold_of_costs
from routing.policy.decide import decide
from routing.policy.replay import replay
from routing.policy.types import Candidate, TaskView
from routing.tests.factories import activate_rules, make_projects, policy, roster, votes_for
from tasks.tests.factories import TaskFactory

shares = st.floats(0, 1)
curves = st.builds(Curve, slope=st.floats(0.1, 5), intercept=st.floats(-4, 4))


def judged(share, right, wrong):
    """So many right and so many wrong decisions, all made with this share."""
    return [Observation(share, number < right, True) for number in range(right + wrong)]


def overconfident():
    """Decisions that were said to be right nine times in ten and are right six times in ten."""
    return Judged.of([*judged(0.9, 60, 40), *judged(0.6, 40, 60)])


class TestACurve:
    @given(shares, shares, curves)
    def test_keeps_the_order_of_shares_and_stays_a_share(self, one, other, curve):
        low, high = sorted([calibrate(one, curve), calibrate(other, curve)])
        assert 0 <= low <= high <= 1
        assert one >= other or calibrate(one, curve) <= calibrate(other, curve)

    @given(shares)
    def test_that_is_none_changes_nothing(self, share):
        assert calibrate(share, SAME) == share

    def test_makes_overconfidence_honest(self):
        seen = overconfident()
        curve = fit_curve(seen)
        after = seen.through(curve)
        assert calibration_error(seen.shares, seen.right) == pytest.approx(0.25)
        assert calibration_error(after.shares, after.right) < 0.05

    def test_of_few_judgements_stays_near_its_parent(self):
        parent = Curve(0.8, 0.3)
        few = fit_curve(Judged.of(judged(0.9, 1, 2)), parent)
        many = fit_curve(Judged.of(judged(0.9, 100, 200)), parent)
        honest = calibrate(0.9, parent)
        assert abs(calibrate(0.9, few) - honest) < 0.2 < abs(calibrate(0.9, many) - honest)
        assert fit_curve(Judged.of([]), parent) == parent


class TestAForecast:
    def test_says_how_many_are_decided_and_how_many_of_those_rightly(self):
        seen = Judged.of([*judged(0.9, 9, 1), *judged(0.5, 5, 5)])
        assert seen.at(0.6) == {"threshold": 0.6, "coverage": 0.5, "accuracy": 0.9}
        assert seen.at(0.95) == {"threshold": 0.95, "coverage": 0, "accuracy": None}

    def test_counts_those_that_nobody_judged_with_those_like_them(self):
        asked = [Observation(0.4, False, False)] * 10
        seen = Judged.of([*judged(0.9, 9, 1), *asked], routed=9, abstained=1)
        assert seen.at(0.6)["coverage"] == pytest.approx(0.9)

    def test_lists_the_tenths_that_hold_anything(self):
        assert [(row["from"], row["judged"], row["right"]) for row in reliability(overconfident())] == [
            (0.6, 100, 0.4), (0.9, 100, 0.6),
        ]  # fmt: skip

    @pytest.mark.parametrize(("wrong", "review", "needed"), [(10, 2, 0.8), (1, 2, 0.0), (4, 1, 0.75)])
    def test_of_costs_is_where_a_wrong_route_costs_as_much_as_a_review(self, wrong, review, needed):
        assert threshold_of_costs(wrong, review) == needed


def said(own=None, house=None, **thresholds):
    gate = Gate(own=own or {}, house=house or {})
    return policy(threshold=thresholds.pop("default", 0.6), thresholds=thresholds).needed(gate, "urgent")


class TestADecision:
    rule = votes_for("web", when={"keyword": "login"}, weight=0.7)

    def decided(self, gate, **task):
        places = roster(Candidate("web", "desk", gate=gate), "data")
        return decide(TaskView("login", **task), places, policy(self.rule), [])

    def test_is_as_sure_as_its_curve_says(self):
        plain, doubted = self.decided(Gate()), self.decided(Gate(Curve(0.5, -0.5)))
        assert (plain.outcome, doubted.outcome) == ("routed", "abstained")
        assert doubted.confidence == pytest.approx(calibrate(plain.confidence, Curve(0.5, -0.5)))
        assert doubted.best.score == plain.best.score
        assert f"Not sure enough ({doubted.confidence:.0%}, 60% is needed)" in doubted.reasoning

    def test_follows_the_threshold_of_the_place_and_the_priority(self):
        gate = Gate(own={"urgent": 0.95, "confidence": 0.5})
        assert [self.decided(gate, priority=name).threshold for name in ("urgent", "low")] == [0.95, 0.5]
        assert [self.decided(gate, priority=name).outcome for name in ("urgent", "low")] == ["abstained", "routed"]

    def test_asks_the_place_then_the_policy_then_the_house(self):
        assert said(own={"confidence": 0.9}, confidence=0.7) == 0.9
        assert said(own={"low": 0.9}, confidence=0.7, urgent=0.4) == 0.4
        assert said(house={"confidence": 0.9}, confidence=0.7) == 0.7
        assert said(house={"urgent": 0.9}) == 0.9
        assert said(default=0.3) == 0.3

    def test_is_the_same_when_it_is_made_again(self):
        gate = Gate(Curve(0.5, -0.5), own={"low": 0.3})
        for priority in ("low", "high"):
            choice = self.decided(gate, priority=priority)
            record = {**choice.evidence, "input": {"id": "", "priority": priority}, "filtered": {}}
            record["candidates"] = [
                {"project": place.project, "instance_id": place.instance, "factors": place.factors, "why": place.why}
                for place in choice.ranked
            ]
            again = replay(record, policy(self.rule))
            assert (again.outcome, again.confidence, again.threshold, again.reasoning) == (
                choice.outcome, choice.confidence, choice.threshold, choice.reasoning,
            )  # fmt: skip


def judge_many(rights, share, project="web", strategy="learned"):
    """Judge a decision for each: with this share the project was chosen, rightly or not."""
    rows = [
        Episode(
            confidence=share, strategy=strategy, routed_at=timezone.now(), chosen_project=project,
            decision_factors={
                "candidates": [{"project": project, "instance_id": project and f"{project}-desk", "score": share}],
                "input": {"priority": "medium"},
            },
        )
        for _ in rights
    ]  # fmt: skip
    Episode.objects.bulk_create(rows)
    EpisodeJudgement.objects.bulk_create(
        EpisodeJudgement(
            episode=row, right_project=project if right else "data", judged_by="ada", judged_at=row.routed_at
        )
        for row, right in zip(rows, rights, strict=True)
    )


@pytest.fixture
def house():
    root = InstanceFactory(id="global", scope="GLOBAL", config={"confidence_threshold": 0.5})
    for name in ("web", "data"):
        config = {"confidence_costs": {"wrong": 10, "review": 1, "urgent": {"wrong": 2, "review": 1}}}
        desk = InstanceFactory(id=f"{name}-desk", parent=root, config=config if name == "web" else {})
        ProjectFactory(name=name, instance=desk)


@pytest.mark.django_db
class TestTheCurvesOfTheHouse:
    def test_are_fitted_by_scope_once_enough_was_judged(self, house):
        judge_many([True, False] * 10, 0.9)
        assert calibrate_if_due() is None
        judge_many([True] * 30, 0.9, "data")

        assert (calibrate_if_due(), calibrate_if_due()) == (1, None)

        metrics = dict(LearnedState.objects.in_force("calibration").values_list("scope", "metrics"))
        assert set(metrics) == {"*", "global", "web-desk", "data-desk"}
        assert {scope: metrics[scope]["judged"] for scope in metrics} == {
            "*": 50, "global": 50, "web-desk": 20, "data-desk": 30,
        }  # fmt: skip
        assert metrics["web-desk"]["ece"] < metrics["web-desk"]["ece_raw"]
        known = {place.project: place.gate for place in load_knowledge().roster.candidates}
        assert calibrate(0.9, known["web"].curve) < 0.7 < 0.9 < calibrate(0.9, known["data"].curve)

    def test_are_fitted_anew_when_a_tenth_more_is_judged(self, house):
        judge_many([True] * 50, 0.9)
        assert calibrate_if_due() == 1
        judge_many([False] * 19, 0.9)
        assert calibrate_if_due() is None
        judge_many([False], 0.9)
        assert calibrate_if_due() == 2

    def test_give_each_place_its_thresholds(self, house):
        known = {place.project: place.gate for place in load_knowledge().roster.candidates}
        assert (known["web"].own, known["web"].house) == ({"urgent": 0.5, "confidence": 0.9}, {"confidence": 0.5})
        assert (known["data"].own, known["data"].house) == ({}, {"confidence": 0.5})

    def test_leave_out_what_hopper_did_not_think_itself_and_what_was_taken_back(self, house):
        judge_many([True] * 60, 0.9, strategy="human")
        judge_many([True] * 60, 0.9)
        EpisodeJudgement.objects.filter(episode__strategy="learned").update(signal="withdrawn")
        assert calibrate_if_due() is None


@pytest.mark.django_db
class TestTheHealth:
    def test_is_the_accuracy_of_the_last_judged_and_warns_when_it_falls(self):
        judge_many([True] * 95 + [False] * 5, 0.9)
        assert health() == {"judged": 100, "accuracy": 0.95, "before": None, "drift": False}
        judge_many([True] * 400 + [False] * 100, 0.9)
        assert health() == {"judged": 500, "accuracy": 0.8, "before": 0.95, "drift": True}


@pytest.mark.django_db
class TestTheOutlookInTheApi:
    def test_shows_what_a_threshold_would_do_before_it_is_saved(self, api, house):
        judge_many([True] * 9 + [False], 0.9)
        judge_many([False] * 10, 0.6)
        client = api("viewer")

        found = client.get("/memory/calibration", scope="web-desk", priority="medium", threshold="0.75").json()

        assert (found["judged"], found["accuracy"], found["in_force"]["threshold"]) == (20, 0.45, 0.9)
        assert found["wanted"] == {"threshold": 0.75, "coverage": 0.5, "accuracy": 0.9}
        assert [(row["judged"], row["right"]) for row in found["reliability"]] == [(10, 0.0), (10, 0.9)]
        costs = client.get("/memory/calibration", wrong="4", review="1").json()
        assert (costs["scope"], costs["wanted"]["threshold"], costs["health"]["judged"]) == ("*", 0.75, 20)
        assert client.get("/memory/calibration", scope="data-desk").json()["judged"] == 0

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"threshold": "2"}, "threshold"), ({"wrong": "1"}, "review"), ({"scope": "nowhere"}, "scope"),
            ({"priority": "soon"}, "priority"), ({"limit": "1"}, "limit"),
            ({"wrong": "2", "review": "1", "threshold": "0.5"}, "review"),
        ],
    )  # fmt: skip
    def test_refuses_what_it_does_not_know(self, api, house, query, field):
        response = api("viewer").get("/memory/calibration", **query)
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])

    def test_tells_a_limited_key_of_its_own_branch(self, api, house):
        client = api("viewer", instances=["web-desk"])
        assert client.get("/memory/calibration").status_code == 400
        assert "health" not in client.get("/memory/calibration", scope="web-desk").json()
        assert client.get("/memory/calibration", scope="data-desk").status_code == 400


@pytest.mark.django_db
class TestAThresholdOfAPlace:
    def test_holds_the_next_task_for_review(self):
        desk = InstanceFactory(id="desk", config={"confidence_threshold": {"urgent": 0.95, "confidence": 0.5}})
        ProjectFactory(name="web", instance=desk)
        make_projects("data")
        activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.7))
        urgent, usual = (TaskFactory(title="login", priority=name) for name in ("urgent", "medium"))
        assert [route_task(task=task).outcome for task in (urgent, usual)] == ["abstained", "routed"]
        record_feedback(task=usual, was_good_match=True, actor="ada")
        assert usual.episodes.get().decision_factors["threshold"] == 0.5
