from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from instances.models import Instance
from instances.scopes import SCOPES, Facts, complexity_of, what_keeps

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
WINDOW = {"starts_at": "2027-01-31T09:00:00Z", "ends_at": "2027-01-31T18:00:00+01:00"}


def facts(now=NOON, load=None, **settings):
    return Facts.of(settings, now=now, **(load or {}))


def seats(*path):
    """The root last, like `p:PERSONAL`."""
    return [SimpleNamespace(pk=key, scope=scope) for key, scope in (seat.split(":") for seat in path)]


class TestEveryScope:
    def test_has_its_rules(self):
        assert sorted(SCOPES) == sorted(Instance.Scope.values)

    @pytest.mark.parametrize("scope", sorted(SCOPES))
    def test_sits_under_scopes_that_there_are(self, scope):
        assert SCOPES[scope].sits_under - {None} <= SCOPES.keys()

    @pytest.mark.parametrize(
        ("scope", "executes"),
        [
            ("GLOBAL", False), ("PROJECT", True), ("ORCHESTRATION", True), ("PERSONAL", True), ("FAMILY", True),
            ("EVENT", True), ("FEDERATED", False),
        ],
    )  # fmt: skip
    def test_executes_or_says_why_not(self, scope, executes):
        assert (SCOPES[scope].why_not_execute(facts()) is None) == executes

    @pytest.mark.parametrize("scope", ["PROJECT", "ORCHESTRATION", "PERSONAL", "FAMILY", "EVENT"])
    def test_executes_no_more_than_it_may_at_a_time(self, scope):
        full = facts(load={"open_tasks": 2}, max_concurrent_tasks=2)

        assert "all the work it may take" in SCOPES[scope].why_not_execute(full)
        assert SCOPES[scope].why_not_execute(facts(load={"open_tasks": 1}, max_concurrent_tasks=2)) is None

    def test_delegates_only_as_global_or_project(self):
        hard = facts(load={"children": 1, "complexity": 9.0})

        assert {name for name, rules in SCOPES.items() if rules.should_delegate(hard)} == {"GLOBAL", "PROJECT"}

    @pytest.mark.parametrize("scope", ["GLOBAL", "PROJECT"])
    def test_delegates_to_nobody_without_children_or_against_its_settings(self, scope):
        assert not SCOPES[scope].should_delegate(facts(load={"complexity": 9.0}))
        assert not SCOPES[scope].should_delegate(facts(load={"children": 1, "complexity": 9.0}, auto_delegate=False))


class TestAProject:
    @pytest.mark.parametrize(
        ("complexity", "open_tasks", "hands_down"),
        [(None, 0, False), (6.9, 0, False), (7.0, 0, True), (None, 3, True), (1.0, 3, True), (1.0, 2, False)],
    )
    def test_hands_down_what_is_complex_or_too_much(self, complexity, open_tasks, hands_down):
        load = {"children": 2, "complexity": complexity, "open_tasks": open_tasks}

        assert SCOPES["PROJECT"].should_delegate(facts(load=load, max_concurrent_tasks=3)) == hands_down

    def test_draws_the_line_where_its_settings_say(self):
        assert SCOPES["PROJECT"].should_delegate(facts(load={"children": 1, "complexity": 3.0}, complexity_threshold=3))

    @pytest.mark.parametrize(
        ("hours", "skills", "complexity"), [(0.1, 0, 1), (1, 1, 1), (2, 1, 2), (8, 3, 6), (500, 9, 10)]
    )
    def test_finds_long_work_of_many_skills_complex(self, hours, skills, complexity):
        assert complexity_of(timedelta(hours=hours), skills=skills) == complexity


class TestPeople:
    @pytest.mark.parametrize(
        ("scope", "settings", "may", "may_not"),
        [
            ("PERSONAL", {"owner": "ada"}, ["ada", "ada/laptop"], ["grace", "grace/ada", ""]),
            ("PERSONAL", {}, [], ["ada", ""]),
            ("FAMILY", {"members": ["ada", "grace"]}, ["ada", "grace/phone"], ["alan"]),
            ("FAMILY", {}, ["alan"], []),
            ("PROJECT", {}, ["alan"], []),
        ],
    )
    def test_hold_and_send_work_where_they_belong(self, scope, settings, may, may_not):
        rules = SCOPES[scope]

        assert [who for who in may + may_not if rules.may_be_held_by(who, facts(**settings))] == may
        assert [who for who in may + may_not if rules.why_not_receive(facts(**settings), sender=who) is None] == may


class TestContent:
    """What came into a PERSONAL instance stays in its branch."""

    @pytest.mark.parametrize(
        ("source", "target", "kept"),
        [
            (["p:PERSONAL", "f:FAMILY"], ["f:FAMILY"], "p"),
            (["p:PERSONAL", "f:FAMILY"], ["q:PERSONAL", "f:FAMILY"], "p"),
            (["run:ORCHESTRATION", "p:PERSONAL"], ["x:PROJECT"], "p"),
            (["run:ORCHESTRATION", "p:PERSONAL"], ["other:ORCHESTRATION", "p:PERSONAL"], None),
            (["p:PERSONAL"], ["run:ORCHESTRATION", "p:PERSONAL"], None),
            (["x:PROJECT"], ["p:PERSONAL"], None),
        ],
    )
    def test_never_leaves(self, source, target, kept):
        found = what_keeps(seats(*source), seats(*target))

        assert (found and found.pk) == kept


class TestAnEvent:
    @pytest.mark.parametrize(
        ("hour", "said", "hands_back"),
        [(8, "opens at 2027-01-31 09:00", False), (9, None, False), (16, None, False), (17, "ended at", True)],
    )
    def test_is_open_in_its_window(self, hour, said, hands_back):
        at = facts(now=NOON.replace(hour=hour), window=WINDOW)
        rules = SCOPES["EVENT"]

        for why in (rules.why_not_execute(at), rules.why_not_receive(at, sender="ada")):
            assert (said in why) if said else why is None
        assert rules.hands_back(at) == hands_back

    def test_without_a_window_is_always_open(self):
        assert SCOPES["EVENT"].why_not_execute(facts()) is None
        assert not SCOPES["EVENT"].hands_back(facts())


class TestFederated:
    def test_takes_work_once_it_knows_its_peer(self):
        assert "knows no peer" in SCOPES["FEDERATED"].why_not_receive(facts(), sender="ada")
        peer = facts(peer={"url": "https://hopper.example.org"})
        assert SCOPES["FEDERATED"].why_not_receive(peer, sender="ada") is None
