from datetime import UTC, datetime

import pytest

from instances.scopes import SCOPES, Facts
from routing.policy.matching import filter_candidates
from routing.policy.rules import Verdict
from routing.policy.types import Candidate, Door, TaskView
from routing.tests.factories import choose, policy, roster, votes_for

EVERYONE = roster(
    Candidate("able", capabilities={"python": 4}),
    Candidate("asleep", inactive="is inactive", capabilities={"python": 5}),
    Candidate("full", capacity=0),
    Candidate("robot", executor_type="agent", capabilities={"python": 2}),
)


def kept(verdict=None, **task):
    filtered = filter_candidates(TaskView("x", **task), EVERYONE, verdict or Verdict())
    names = [name for name, stays in zip(EVERYONE.names, filtered.kept, strict=True) if stays]
    return names, filtered.counts


class TestTheHardFilters:
    def test_remove_who_is_inactive_or_has_no_capacity(self):
        assert kept() == (["able", "robot"], {"is inactive": 1, "has no capacity": 1})

    def test_remove_who_is_forbidden_by_a_rule(self):
        assert kept(Verdict(forbidden={"able": "hands off", "unknown": "hands off"})) == (
            ["robot"],
            {"is inactive": 1, "has no capacity": 1, "forbidden by a rule": 1},
        )

    def test_remove_who_is_not_the_executor_that_was_asked_for(self):
        names, counts = kept(executor_preference="agent")
        assert (names, counts["is no agent"]) == (["robot"], 2)

    @pytest.mark.parametrize(("level", "names"), [(2, ["able", "robot"]), (3, ["able"]), (5, [])])
    def test_remove_who_lacks_a_skill_or_has_it_at_too_low_a_level(self, level, names):
        found, counts = kept(required={"python": level})
        assert found == names
        assert counts.get(f"lacks python at level {level}", 0) == 2 - len(names)

    def test_remove_everyone_for_a_skill_that_nobody_claims(self):
        assert kept(required={"cobol": 1})[0] == []

    def test_count_each_candidate_once(self):
        assert sum(kept(required={"cobol": 1}, executor_preference="agent")[1].values()) == len(EVERYONE)

    def test_let_an_empty_roster_be(self):
        task = TaskView("x", executor_preference="agent", required={"python": 1})
        assert not filter_candidates(task, roster(), Verdict()).kept.any()


class TestATaskThatNobodyCanTake:
    def test_is_abstained_with_the_reason_of_each_filter(self):
        choice = choose(TaskView("x", required={"cobol": 1}), EVERYONE)
        assert (choice.outcome, choice.ranked) == ("abstained", ())
        assert choice.reasoning == ("Nobody can take it: 1 is inactive; 1 has no capacity; 2 lacks cobol at level 1.")

    def test_is_abstained_while_there_is_no_project(self):
        assert choose(TaskView("x"), roster()).reasoning == "Nobody can take it: there is no project yet."

    def test_is_abstained_when_a_rule_forbids_the_only_place(self):
        rules = policy(votes_for("web", when={"keyword": "secret"}, forbid=True, name="no secrets"))
        choice = choose(TaskView("secret plan"), roster("web"), rules)
        assert choice.reasoning == "Nobody can take it: 1 forbidden by a rule."


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WINDOW = {"window": {"starts_at": "2026-11-22T13:00:00+00:00", "ends_at": "2026-11-22T14:00:00+00:00"}}


def behind(scope, **settings):
    return Candidate("there", doors=(Door(SCOPES[scope], Facts.of(settings, now=NOON)),))


class TestADoor:
    @pytest.mark.parametrize(
        ("place", "hour", "why"),
        [
            (behind("PERSONAL", owner="ada"), 12, None),
            (behind("PERSONAL", owner="bob"), 12, "takes work from its owner only"),
            (behind("FAMILY", members=["ada"]), 12, None),
            (behind("FAMILY", members=["bob"]), 12, "takes work from its members only"),
            (behind("EVENT", **WINDOW), 12, "opens at 2026-11-22 13:00 UTC"),
            (behind("EVENT", **WINDOW), 13, None),
            (behind("EVENT", **WINDOW), 14, "ended at 2026-11-22 14:00 UTC"),
            (behind("FEDERATED"), 12, "knows no peer yet: set config.peer"),
        ],
    )
    def test_lets_in_what_its_scope_takes_at_that_hour(self, place, hour, why):
        task = TaskView("x", requester="ada", at=NOON.replace(hour=hour).timestamp())
        counts = filter_candidates(task, roster(place), Verdict()).counts
        assert counts == ({why: 1} if why else {})

    def test_holds_for_a_place_that_the_requester_names(self):
        choice = choose(TaskView("x", project="there", requester="eve"), roster(behind("PERSONAL", owner="ada")))
        assert choice.reasoning == (
            "The requester named there, which takes work from its owner only: choose another place."
        )
