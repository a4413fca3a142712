"""Rules that learned patterns suggest: tried on the past, then accepted into a draft or dismissed."""

import pytest

from feedback.operations import record_feedback
from routing.models import Pattern, PolicyVersion, Proposal
from routing.operations import (
    accept_proposal,
    activate_version,
    backtest_version,
    create_pattern,
    dismiss_proposal,
    propose_rules,
    route_task,
)
from routing.operations.proposals import ProposalSettled, rule_of
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def learned(name="imports", **fields):
    about = {"pattern_type": "tag", "target_project": "data", "tag_criteria": ["import"], "confidence": 0.9}
    return create_pattern(name=name, source=Pattern.Source.LEARNED, actor="ada", **{**about, **fields})


@pytest.fixture
def house():
    make_projects("web", "data")
    return activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.8))


class TestARuleOfAPattern:
    @pytest.mark.parametrize(
        ("fields", "rule"),
        [
            ({}, {"when": {"all_tags": ["import"]}, "weight": 0.9}),
            ({"tag_criteria": [], "text_criteria": ["a", "b"]}, {"when": {"keyword": ["a", "b"]}, "weight": 0.9}),
            ({"text_criteria": ["csv"], "priority_criteria": "high"},
             {"when": {"all": [{"all_tags": ["import"]}, {"keyword": ["csv"]}, {"priority": "high"}]}, "weight": 0.9}),
            ({"is_anti_pattern": True}, {"when": {"all_tags": ["import"]}, "forbid": True}),
        ],
        ids=["tags", "text", "combined", "anti"],
    )  # fmt: skip
    def test_says_what_the_pattern_says(self, fields, rule):
        assert rule_of(learned(**fields)) == {"name": "Learned: imports", "project": "data", **rule}

    def test_is_none_where_nothing_is_matched_or_no_project_named(self):
        assert rule_of(learned(tag_criteria=[])) is None
        assert rule_of(learned(target_project=None, target_instance="i")) is None


class TestProposing:
    def test_tries_each_rule_on_the_past(self, house):
        task = TaskFactory(title="login", tags=["import"])
        route_task(task=task)
        record_feedback(
            task=Task.objects.get(pk=task.pk), was_good_match=False, should_have_routed_to="data", actor="ada"
        )
        learned()
        (proposal,) = propose_rules()
        assert (proposal.state, proposal.report["better"], proposal.report["worse"]) == ("proposed", 1, 0)
        assert propose_rules() == []

    def test_leaves_out_what_is_no_rule_or_is_not_learned(self, house):
        create_pattern(name="ours", pattern_type="tag", target_project="data", tag_criteria=["x"], actor="ada")
        learned("off", is_active=False)
        learned("gone", target_project="nowhere")
        learned("weak", confidence=0.4)
        assert propose_rules() == []

    def test_forgets_what_was_proposed_of_a_pattern_that_is_now_off(self, house):
        pattern = learned()
        propose_rules()
        Pattern.objects.filter(pk=pattern.pk).update(is_active=False)
        propose_rules()
        assert not Proposal.objects.exists()


class TestAnAnswer:
    def test_that_accepts_writes_the_rule_into_a_draft_that_can_be_activated(self, house):
        learned()
        learned("sheets", tag_criteria=["sheet"])
        first, second = (accept_proposal(proposal=row, actor="ada") for row in propose_rules())
        assert first.draft == second.draft
        draft = PolicyVersion.objects.get(pk=first.draft_id)
        assert [rule["name"] for rule in draft.rules] == ["a rule", "Learned: imports", "Learned: sheets"]
        assert (draft.policy, draft.state) == (house.policy, PolicyVersion.State.DRAFT)
        backtest_version(version=draft, actor="ada")
        assert activate_version(version=draft, actor="ada").state == PolicyVersion.State.ACTIVE

    def test_goes_to_a_new_draft_once_another_version_is_in_force(self, house):
        learned()
        learned("sheets", tag_criteria=["sheet"])
        first, second = propose_rules()
        stale = accept_proposal(proposal=first, actor="ada").draft
        activate_rules()
        assert accept_proposal(proposal=second, actor="ada").draft != stale

    def test_begins_a_policy_where_none_is_in_force(self):
        make_projects("data")
        learned()
        accepted = accept_proposal(proposal=propose_rules()[0], actor="ada")
        assert (accepted.draft.policy.name, len(accepted.draft.rules)) == ("Learned rules", 1)

    def test_that_dismisses_holds_for_the_same_rule_by_another_pattern(self, house):
        learned()
        assert dismiss_proposal(proposal=propose_rules()[0], actor="ada").settled_by == "ada"
        learned("found again", confidence=0.95)
        assert propose_rules() == []

    def test_is_given_once(self, house):
        learned()
        (proposal,) = propose_rules()
        dismiss_proposal(proposal=proposal, actor="ada")
        with pytest.raises(ProposalSettled, match="was dismissed by ada"):
            accept_proposal(proposal=proposal, actor="bob")
