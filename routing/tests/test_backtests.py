"""Backtests: what would have become of stored decisions, and nothing written."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Count, Max
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.operations import record_feedback
from hopper.common.errors import Invalid
from routing.models import Backtest, Episode, PolicyVersion
from routing.operations import assign_task, backtest_version, create_version, route_task
from routing.operations.backtests import BATCH
from routing.policy.tally import KINDS, MOST_EXAMPLES, Known, Tally
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory


class TestAComparison:
    @pytest.mark.parametrize(
        ("before", "after", "known", "kind"),
        [
            ("a", "b", Known("a", False, "b"), "better"),
            ("a", "b", Known("a", True, "a"), "worse"),
            ("a", "b", Known("a", False, "c"), "level"),
            ("a", None, Known("a", False, "b"), "better"),
            ("a", None, Known("a", True, "a"), "worse"),
            (None, "b", Known(None, None, "b"), "better"),
            (None, "b", Known(None, None, "c"), "worse"),
            ("a", "b", Known("a", True), "unknown"),  # b was never tried
            ("a", "b", Known("a", False), "unknown"),
            ("a", None, Known("a", False), "better"),
            ("a", "b", Known("a"), "unjudged"),
        ],
    )
    def test_never_makes_up_the_outcome_of_a_place_that_was_not_tried(self, before, after, known, kind):
        tally = Tally()
        tally.add(before, after, known)
        assert {name: n for name, n in tally.as_dict().items() if name in KINDS and n} == {kind: 1}

    def test_counts_coverage_and_accuracy_of_what_is_known(self):
        tally = Tally()
        tally.add("a", "a", Known("a", None, "a"), n=3)
        tally.add("a", "b", Known("a", False, "b"))
        tally.add(None, "b", Known())
        found = tally.as_dict()
        assert found["before"] == {"routed": 4, "coverage": 0.8, "right": 3, "wrong": 1, "accuracy": 0.75}
        assert found["after"] == {"routed": 5, "coverage": 1.0, "right": 4, "wrong": 0, "accuracy": 1.0}
        assert (found["win"], found["agreement"]) == (0.25, 0.6)
        assert found["moves"] == [{"from": "a", "to": "b", "count": 1}, {"from": None, "to": "b", "count": 1}]

    def test_shows_twenty_examples_of_every_kind_in_turn(self):
        tally = Tally()
        for number in range(50):
            tally.add("a", "b", Known("a", True, "a"), example={"n": number})
            tally.add("a", "b", Known("a", False, "b"), example={"n": number})
        shown = tally.as_dict()["examples"]
        assert [row["kind"] for row in shown] == ["worse", "better"] * (MOST_EXAMPLES // 2)
        assert [row["n"] for row in shown[:4]] == [0, 0, 1, 1]


@pytest.fixture
def past(db):
    """Decisions of a policy that sends logins to web; the second was wrong, the third right, the fourth in doubt."""
    make_projects("web", "data", "infra")
    activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9, name="logins"))
    tasks = [
        TaskFactory(title=title) for title in ("login", "login of the import", "login page", "disk full", "login x")
    ]
    for task in tasks:
        route_task(task=task)
    said = ({}, {"was_good_match": False, "should_have_routed_to": "data"}, {"was_good_match": True},
            {"was_good_match": False, "should_have_routed_to": "infra"}, {"was_good_match": False})  # fmt: skip
    for task, fields in zip(tasks, said, strict=True):
        if fields:
            record_feedback(task=Task.objects.get(pk=task.pk), actor="ada", **fields)
    return tasks


def version_of(*rules, **content):
    policy = PolicyVersion.objects.in_force().get().policy
    return create_version(policy=policy, actor="ada", rules=list(rules), **content)


def better():
    return version_of(
        votes_for(
            "web", when={"all": [{"keyword": "login"}, {"not": {"keyword": "import"}}]}, weight=0.9, name="logins"
        ),
        votes_for("data", when={"keyword": "import"}, weight=0.95, name="imports"),
        votes_for("infra", when={"keyword": "disk"}, weight=0.95, name="disks"),
    )


def stamps():
    """Return how many rows each table has and when it last changed, but for the reports."""
    found = {}
    for model in set(apps.get_models()) - {Backtest}:
        columns = {field.name for field in model._meta.fields}
        last = next((name for name in ("updated_at", "created_at") if name in columns), "pk")
        found[model._meta.label] = model.objects.aggregate(rows=Count("pk"), last=Max(last))
    return found


class TestABacktest:
    def test_says_what_would_move_and_whether_that_is_better(self, past):
        report = backtest_version(version=better(), actor="ada").report
        assert {name: report[name] for name in ("decisions", "moved", "judged", *KINDS)} == {
            "decisions": 5, "moved": 2, "judged": 4, "better": 2, "worse": 0, "unknown": 0, "level": 0, "unjudged": 0,
        }  # fmt: skip
        assert {(move["from"], move["to"]) for move in report["moves"]} == {("web", "data"), (None, "infra")}
        assert (report["before"]["coverage"], report["after"]["coverage"]) == (0.8, 1.0)
        assert (report["before"]["accuracy"], report["after"]["accuracy"]) == (0.3333, 0.75)
        shown = {row["task_id"]: (row["from"], row["to"], row["truth"]) for row in report["examples"]}
        assert shown == {past[1].pk: ("web", "data", "data"), past[3].pk: (None, "infra", "infra")}

    def test_leaves_unknown_what_was_never_tried(self, past):
        swap = version_of(votes_for("data", when={"keyword": "login"}, weight=0.95))
        report = backtest_version(version=swap, actor="ada").report
        assert (report["better"], report["worse"], report["unknown"], report["unjudged"]) == (1, 1, 1, 1)

    def test_of_what_is_in_force_moves_nothing(self, past):
        active = PolicyVersion.objects.in_force().get()
        report = backtest_version(version=active, actor="ada").report
        assert (report["decisions"], report["moved"]) == (5, 0)

    def test_is_the_same_twice_and_writes_nothing_but_its_report(self, past):
        version = better()
        before = stamps()
        first, second = (backtest_version(version=version, actor="ada") for _ in range(2))
        assert first.report == second.report
        assert stamps() == before
        assert Backtest.objects.filter(policy_version=version).count() == 2

    def test_replays_the_newest_or_those_since_a_moment(self, past):
        version = better()
        Episode.objects.filter(task=past[0]).update(routed_at=timezone.now() - timedelta(days=9))
        since = timezone.now() - timedelta(days=1)
        counts = [
            backtest_version(version=version, actor="ada", **limit).report["decisions"]
            for limit in ({"newest": 2}, {"since": since}, {"newest": 3, "since": since})
        ]
        assert counts == [2, 4, 3]

    def test_leaves_out_what_no_policy_decided(self, past):
        assign_task(
            task=TaskFactory(title="by hand"), project=past[0].__class__.objects.get(pk=past[0].pk).project, actor="ada"
        )
        route_task(task=TaskFactory(title="by name", project_id="web"))
        assert backtest_version(version=better(), actor="ada").report["decisions"] == 5

    def test_counts_the_rules_that_matched_then_when_the_text_has_changed(self, past):
        Task.objects.filter(pk=past[1].pk).update(description="changed since")
        report = backtest_version(version=better(), actor="ada").report
        assert (report["textless"], report["moved"]) == (1, 1)

    def test_reads_a_batch_at_a_time(self, past):
        Episode.objects.bulk_create(
            Episode(
                decision_factors=[{"imported": True}, {"odds": 3}, ["by", "hand"]][n % 3],
                confidence=1,
                strategy="rules",
                routed_at=timezone.now(),
            )
            for n in range(BATCH)
        )
        version = better()
        with CaptureQueriesContext(connection) as queries:
            report = backtest_version(version=version, actor="ada").report
        assert (report["decisions"], report["skipped"]) == (5, BATCH)
        assert sum('FROM "routing_episodes"' in query["sql"] for query in queries) == 3

    def test_of_a_version_that_was_stored_broken_says_so(self, past):
        version = better()
        PolicyVersion.objects.filter(pk=version.pk).update(rules=[{"name": "x"}])
        version.refresh_from_db()
        with pytest.raises(Invalid, match="Rule 1"):
            backtest_version(version=version, actor="ada")
