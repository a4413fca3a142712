import pytest

from hopper.common.errors import Invalid
from hopper.events.models import Event
from projects.operations import delete_project
from routing.models import PolicyVersion
from routing.operations import (
    activate_version,
    change_policy,
    change_version,
    create_version,
    delete_policy,
    delete_version,
    load_policy,
    suggest_for,
)
from routing.operations.policies import VersionInForce
from routing.tests.factories import activate_rules, make_policy, make_projects, votes_for
from tasks.models import Task

pytestmark = pytest.mark.django_db
State = PolicyVersion.State


@pytest.fixture
def web():
    return make_projects("web")[0]


def draft(policy=None, **content):
    return create_version(policy=policy or make_policy(), actor="ada", **content)


def logins(project="web", **more):
    return votes_for(project, when={"keyword": "login"}, **more)


class TestADraft:
    def test_is_numbered_within_its_policy(self):
        house, other = make_policy(), make_policy("other")
        versions = [draft(house), draft(house), draft(other)]
        assert [(v.policy, v.number, v.state) for v in versions] == [
            (house, 1, State.DRAFT), (house, 2, State.DRAFT), (other, 1, State.DRAFT),
        ]  # fmt: skip

    def test_can_be_changed_and_deleted(self, web):
        version = change_version(version=draft(), rules=[logins()], actor="ada")
        assert version.rules == [logins()]
        delete_version(version=version, actor="ada")
        assert not PolicyVersion.objects.exists()

    def test_decides_nothing(self, web):
        draft(rules=[logins(weight=1)])
        assert not suggest_for(task=Task(title="login")).is_routed

    def test_must_name_projects_that_are_there(self, web):
        with pytest.raises(Invalid, match="There is no project 'nowhere': register it first"):
            draft(rules=[logins(), logins("nowhere")])
        version = draft(make_policy("other"))
        with pytest.raises(Invalid, match="There is no project 'nowhere'"):
            change_version(version=version, rules=[logins("nowhere")], actor="ada")

    @pytest.mark.parametrize(
        ("content", "field"),
        [
            ({"rules": "x"}, "rules"),
            ({"rules": [{"name": "x", "when": {}, "project": "web"}]}, "rules"),
            ({"rules": [{"name": "x", "when": {"keyword": "x"}, "project": ["web"]}]}, "rules"),
            ({"rules": [{"name": "x", "when": {"keyword": "x"}, "project": {"a": 1}}]}, "rules"),
            ({"weights": {"luck": 1}}, "weights"),
            ({"weights": {"workload": 6}}, "weights"),
            ({"weights": {"workload": True}}, "weights"),
            ({"weights": []}, "weights"),
            ({"thresholds": {"confidence": 1.1}}, "thresholds"),
            ({"thresholds": {"novelty": 0.5}}, "thresholds"),
            ({"thresholds": 0.5}, "thresholds"),
        ],
    )
    def test_is_refused_when_its_content_is_wrong(self, web, content, field):
        with pytest.raises(Invalid) as caught:
            draft(**content)
        assert list(caught.value.errors) == [field]
        assert not PolicyVersion.objects.exists()


class TestActivating:
    def test_puts_a_version_in_force_at_once(self, web):
        assert not suggest_for(task=Task(title="login")).is_routed
        version = activate_version(version=draft(rules=[logins(weight=0.9)]), actor="ada")
        choice = suggest_for(task=Task(title="login"))
        assert (version.state, choice.best.project, choice.decided_by) == (State.ACTIVE, "web", "rules")
        assert version.activated_at is not None

    def test_retires_the_one_before(self):
        first, second = activate_rules(), activate_rules()
        first.refresh_from_db()
        assert (first.state, second.state) == (State.RETIRED, State.ACTIVE)
        assert PolicyVersion.objects.filter(state=State.ACTIVE).count() == 1
        assert [event.type for event in Event.objects.about(first)] == [
            "policy_version.created", "policy_version.activated", "policy_version.retired",
        ]  # fmt: skip

    def test_brings_a_retired_version_back(self, web):
        first = activate_rules(logins(weight=0.9))
        activate_rules()
        activate_version(version=first, actor="ada")
        assert suggest_for(task=Task(title="login")).is_routed
        assert PolicyVersion.objects.get(state=State.ACTIVE) == first

    def test_twice_changes_nothing(self):
        version = activate_rules()
        again = activate_version(version=version, actor="ada")
        assert (again.version, again.activated_at) == (version.version, version.activated_at)

    def test_heeds_thresholds_and_weights(self, web):
        activate_rules(logins(weight=0.7), thresholds={"confidence": 0.95}, weights={"workload": 0})
        choice = suggest_for(task=Task(title="login"))
        assert (choice.outcome, choice.threshold) == ("abstained", 0.95)


class TestAVersionThatWasInForce:
    @pytest.fixture(params=["active", "retired"])
    def version(self, request):
        version = activate_rules()
        if request.param == "retired":
            activate_rules()
        return version

    def test_is_never_edited_or_deleted(self, version):
        for refused in (
            lambda row: change_version(version=row, weights={"workload": 1}, actor="ada"),
            lambda row: delete_version(version=row, actor="ada"),
        ):
            with pytest.raises(VersionInForce):
                refused(version)

    def test_is_protected_from_those_who_saw_it_as_a_draft(self):
        seen = draft()
        activate_version(version=PolicyVersion.objects.get(pk=seen.pk), actor="ada")
        with pytest.raises(VersionInForce):
            change_version(version=seen, weights={"workload": 1}, actor="bob")
        with pytest.raises(VersionInForce):
            delete_version(version=seen, actor="bob")

    def test_keeps_its_policy(self, version):
        with pytest.raises(VersionInForce, match="decisions name it"):
            delete_policy(policy=version.policy, actor="ada")


class TestAPolicy:
    def test_can_be_renamed_and_deleted_with_its_drafts(self):
        policy = change_policy(policy=make_policy(), name="garden", actor="ada")
        draft(policy)
        delete_policy(policy=policy, actor="ada")
        assert not PolicyVersion.objects.exists()

    def test_has_a_name_of_its_own(self):
        make_policy()
        with pytest.raises(Invalid, match="name"):
            make_policy()

    def test_outlives_a_project_that_its_rules_name(self, web):
        activate_rules(logins(weight=0.9))
        delete_project(project=web, actor="ada")
        make_projects("data")
        assert [place.project for place in suggest_for(task=Task(title="login")).ranked] == ["data"]


class TestAPolicyFile:
    def test_may_be_a_bare_list_of_rules(self, web):
        version = load_policy(name="file", content=[logins()], actor="ada")
        assert (version.policy.name, version.number, version.state) == ("file", 1, State.ACTIVE)

    def test_makes_the_next_version_each_time(self, web):
        load_policy(name="file", content={"rules": [logins()]}, actor="ada")
        assert load_policy(name="file", content={"thresholds": {"confidence": 0.7}}, actor="ada").number == 2

    @pytest.mark.parametrize("content", [None, "rules", {"rule": []}, {"rules": [], "more": 1}])
    def test_is_refused_in_any_other_shape(self, content):
        with pytest.raises(Invalid, match="A policy file is a list of rules"):
            load_policy(name="file", content=content, actor="ada")

    def test_leaves_nothing_behind_when_it_is_wrong(self):
        with pytest.raises(Invalid):
            load_policy(name="file", content={"rules": None}, actor="ada")
        assert not Event.objects.exists()
        assert not PolicyVersion.objects.exists()
