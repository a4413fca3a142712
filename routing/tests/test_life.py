"""The life of a version: what may follow what, and what is asked for before."""

import pytest

from hopper.events.models import Event
from routing.models import PolicyVersion
from routing.operations import (
    activate_version,
    backtest_version,
    change_version,
    create_version,
    delete_version,
    load_policy,
    roll_back,
    start_shadow,
    stop_shadow,
)
from routing.operations.life import BacktestNeeded, NothingBefore, NotInForce
from routing.operations.policies import VersionInForce, VersionInShadow
from routing.tests.factories import activate_rules, make_policy, make_projects, votes_for

pytestmark = pytest.mark.django_db
State = PolicyVersion.State


@pytest.fixture
def house():
    """A policy with one version in force."""
    make_projects("web")
    return activate_rules().policy


def draft(policy, **content):
    return create_version(policy=policy, actor="ada", **content)


def state_of(version):
    return PolicyVersion.objects.get(pk=version.pk).state


class TestActivating:
    def test_needs_a_backtest_where_another_version_is_in_force(self, house):
        version = draft(house)
        with pytest.raises(BacktestNeeded, match=r"POST /policies/.*/versions/2/backtest, read the report"):
            activate_version(version=version, actor="ada")
        backtest_version(version=version, actor="ada")
        assert activate_version(version=version, actor="ada").state == State.ACTIVE

    def test_needs_one_of_what_the_draft_says_now(self, house):
        version = draft(house)
        backtest_version(version=version, actor="ada")
        version = change_version(version=version, weights={"workload": 1}, actor="ada")
        with pytest.raises(BacktestNeeded, match="changed after its backtest"):
            activate_version(version=version, actor="ada")

    def test_needs_one_beside_the_version_that_is_in_force_now(self, house):
        version = draft(house)
        backtest_version(version=version, actor="ada")
        activate_rules(thresholds={"confidence": 0.9})
        with pytest.raises(BacktestNeeded, match="another version than the one in force now"):
            activate_version(version=version, actor="ada")

    def test_goes_without_one_by_force_and_says_so(self, house):
        version = activate_version(version=draft(house), actor="ada", force=True)
        event = Event.objects.about(version).get(type="policy_version.activated")
        assert "has not been backtested" in event.payload["forced"]

    def test_needs_none_where_nothing_is_in_force_or_for_what_was(self):
        first = activate_version(version=draft(make_policy()), actor="ada")
        activate_rules()
        assert activate_version(version=first, actor="ada").state == State.ACTIVE


class TestLoading:
    def test_keeps_the_backtest_that_it_makes(self, house):
        version = load_policy(name="house", content=[], actor="ada")
        assert (version.state, version.backtests.get().baseline.number) == (State.ACTIVE, 1)

    def test_may_stop_at_a_draft(self, house):
        assert load_policy(name="house", content=[], actor="ada", activate=False).state == State.DRAFT


class TestRollingBack:
    def test_goes_one_step_back_each_time(self, house):
        activate_rules(thresholds={"confidence": 0.7})
        activate_rules(thresholds={"confidence": 0.8})
        steps = [roll_back(policy=house, actor="ada").number for _ in range(2)]
        assert steps == [2, 1]
        with pytest.raises(NothingBefore):
            roll_back(policy=house, actor="ada")
        assert [v.state for v in house.versions.order_by("number")] == [State.ACTIVE, State.RETIRED, State.RETIRED]

    def test_brings_back_what_another_policy_had_in_force(self, house):
        other = load_policy(name="other", content=[], actor="ada")
        assert roll_back(policy=other.policy, actor="ada").policy == house
        assert Event.objects.about(house.versions.get()).last().payload["rolled_back"] == 1

    def test_is_refused_for_a_policy_that_is_not_in_force(self, house):
        with pytest.raises(NotInForce):
            roll_back(policy=make_policy("other"), actor="ada")


class TestTheShadow:
    def test_holds_one_version_at_a_time(self, house):
        first, second = (start_shadow(version=draft(house), actor="ada") for _ in range(2))
        assert (state_of(first), state_of(second)) == (State.DRAFT, State.SHADOW)
        assert second.shadowed_at is not None
        assert start_shadow(version=second, actor="ada").version == second.version
        assert stop_shadow(version=second, actor="ada").state == State.DRAFT

    def test_is_left_before_a_version_is_changed_or_deleted(self, house):
        version = start_shadow(version=draft(house), actor="ada")
        for refused in (
            lambda: change_version(version=version, weights={"workload": 1}, actor="ada"),
            lambda: delete_version(version=version, actor="ada"),
        ):
            with pytest.raises(VersionInShadow):
                refused()

    def test_is_no_place_for_what_was_in_force(self, house):
        with pytest.raises(VersionInForce):
            start_shadow(version=house.versions.get(), actor="ada")

    def test_is_left_by_activation(self, house):
        version = start_shadow(version=draft(house, rules=[votes_for("web", when={"tag": "x"})]), actor="ada")
        backtest_version(version=version, actor="ada")
        assert activate_version(version=version, actor="ada").state == State.ACTIVE
        assert not PolicyVersion.objects.in_shadow().exists()
