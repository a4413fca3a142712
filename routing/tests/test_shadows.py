"""A version in shadow: it decides beside the one in force, and whatever it does changes nothing."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.operations import record_feedback
from routing.models import Decision, Episode, PolicyVersion, ShadowChoice
from routing.operations import create_version, report_shadow, route_task, start_shadow, stop_shadow
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def live():
    """A policy in force that sends logins to web."""
    make_projects("web", "data")
    return activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9))


@pytest.fixture
def challenger(live):
    """A version in shadow that sends them to data, and the rest to web."""
    rules = [
        votes_for("data", when={"keyword": "login"}, weight=0.9),
        votes_for("web", when={"keyword": "page"}, weight=0.9, name="pages"),
    ]
    return start_shadow(version=create_version(policy=live.policy, rules=rules, actor="ada"), actor="ada")


@pytest.fixture
def route(run_jobs):
    def routed(title, **fields):
        return run_jobs(route_task, task=TaskFactory(title=title, **fields))

    return routed


class TestAShadow:
    def test_keeps_what_it_would_have_chosen_beside_the_live_decision(self, challenger, route):
        decision = route("login")
        kept = ShadowChoice.objects.get()
        assert (decision.project_id, kept.project, kept.episode) == ("web", "data", decision.episode)
        assert kept.policy_version == challenger
        assert kept.scores["data"] == pytest.approx(kept.confidence, abs=1e-4)
        assert Episode.objects.count() == Decision.objects.count() == 1

    def test_is_not_asked_about_what_the_requester_decided(self, challenger, route):
        route("login", project_id="web")
        assert not ShadowChoice.objects.exists()

    def test_is_asked_only_while_it_stands(self, challenger, route):
        stop_shadow(version=challenger, actor="ada")
        route("login")
        assert not ShadowChoice.objects.exists()

    def test_costs_no_query_where_there_is_none(self, live, route):
        route("login")
        with CaptureQueriesContext(connection) as alone:
            route("login again")
        asked = [query["sql"] or "" for query in alone]  # PostgreSQL's driver does not tell of every statement
        assert not [sql for sql in asked if "shadow_choices" in sql]
        assert len([sql for sql in asked if "routing_policy_versions" in sql]) == 1  # whether anything has changed


class TestAShadowThatFails:
    @pytest.mark.parametrize(
        "broken",
        [
            {"rules": [{"name": "x", "when": {"keywrd": "x"}}]},
            {"rules": None},
            {"rules": [3]},
            {"weights": {"workload": "much"}},
            {"thresholds": {"confidence": "sure"}},
            {"thresholds": []},
        ],
        ids=str,
    )
    def test_changes_nothing_of_the_live_decision(self, challenger, route, caplog, broken):
        expected = route("login").confidence
        ShadowChoice.objects.all().delete()
        broken = {name: [] if value is None else value for name, value in broken.items()}
        PolicyVersion.objects.filter(pk=challenger.pk).update(version=99, **broken)
        caplog.clear()
        with caplog.at_level(logging.ERROR):
            decision = route("login again")
        assert (decision.project_id, decision.confidence) == ("web", pytest.approx(expected))
        assert Task.objects.get(pk=decision.pk).status == Task.Status.ROUTED
        assert bool(caplog.records) != ShadowChoice.objects.exists()


class TestTheReport:
    def test_counts_agreement_and_what_it_would_have_won_by_day(self, challenger, route):
        both = [route(title) for title in ("login one", "login two", "a page", "login three", "disk")]
        judged = {0: {"was_good_match": True}, 1: {"was_good_match": False, "should_have_routed_to": "data"},
                  2: {"was_good_match": False, "should_have_routed_to": "web"}}  # fmt: skip
        for number, fields in judged.items():
            record_feedback(task=Task.objects.get(pk=both[number].pk), actor="ada", **fields)
        report = report_shadow(version=challenger)
        (day,) = report["days"]
        assert {name: day[name] for name in ("decisions", "moved", "judged", "better", "worse", "unjudged")} == {
            "decisions": 5, "moved": 4, "judged": 3, "better": 2, "worse": 1, "unjudged": 1,
        }  # fmt: skip
        assert (day["agreement"], day["win"]) == (0.2, 0.3333)
        assert report["moves"][0] == {"from": "web", "to": "data", "count": 3}
        assert (report["decisions"], report["since"]) == (5, challenger.shadowed_at)

    def test_begins_anew_with_each_stay_in_the_shadow(self, challenger, route):
        route("login")
        version = start_shadow(version=stop_shadow(version=challenger, actor="ada"), actor="ada")
        assert (report_shadow(version=version)["decisions"], ShadowChoice.objects.count()) == (0, 1)
