import pytest
from django.utils import timezone

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Delegation, Episode, EpisodeJudgement, LearnedState, Pattern, PolicyVersion
from routing.tests.factories import make_policy
from routing.tests.sql import insert, refuses, unique
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


class TestDecisions:
    @pytest.fixture
    def row(self):
        return {
            "task_id": TaskFactory().pk, "project": ProjectFactory().pk, "confidence": 0.5, "reasoning": "why not",
            "outcome": "routed", "decided_by": "rules", "decided_at": NOW,
        }  # fmt: skip

    def test_can_be_inserted_by_plain_sql(self, row):
        insert("routing_decisions", **row)
        decision = Decision.objects.get()
        assert (decision.alternatives, decision.workload_snapshot, decision.context) == ([], {}, {})

    def test_have_a_share_for_their_confidence(self, row):
        for wrong in (-0.1, 1.1):
            refuses("decision_confidence_is_a_share", "routing_decisions", **row | {"confidence": wrong})

    def test_name_no_project_when_abstained(self, row):
        refuses("decision_abstained_names_no_project", "routing_decisions", **row | {"outcome": "abstained"})
        refuses("decision_abstained_names_no_project", "routing_decisions", **row | {"outcome": "guessed"})

    def test_name_a_place_when_routed(self, row):
        refuses("decision_routed_names_a_place", "routing_decisions", **row | {"project": None})


class TestEpisodesAndJudgements:
    @pytest.fixture
    def episode(self):
        return {"id": "e-1", "confidence": 0.5, "strategy": "rules", "routed_at": NOW}

    def test_can_be_inserted_by_plain_sql(self, episode):
        insert("routing_episodes", **episode)
        insert("episode_judgements", episode_id="e-1", judged_by="ada", judged_at=NOW)
        found = Episode.objects.get()
        assert (found.tags, found.decision_factors, found.source) == ([], {}, "local")
        assert EpisodeJudgement.objects.get().reliability == 1.0

    def test_have_shares(self, episode):
        refuses("episode_confidence_is_a_share", "routing_episodes", **episode | {"confidence": 2})
        insert("routing_episodes", **episode)
        judgement = {"episode_id": "e-1", "judged_by": "ada", "judged_at": NOW, "reliability": -1}
        refuses("judgement_reliability_is_a_share", "episode_judgements", **judgement)

    def test_are_judged_once_each(self, episode):
        insert("routing_episodes", **episode)
        judgement = {"episode_id": "e-1", "judged_by": "ada", "judged_at": NOW}
        insert("episode_judgements", **judgement)
        refuses(unique("episode_judgements_pkey", "episode_judgements.episode_id"), "episode_judgements", **judgement)


class TestLearnedStates:
    def test_have_a_number_of_their_own(self):
        row = {"kind": "lexical", "number": 1, "arrays": b""}
        insert("learned_states", **row)
        assert (LearnedState.objects.get().scope, LearnedState.objects.get().metrics) == ("global", {})
        refuses(unique("one_state_per_number", "learned_states.number"), "learned_states", **row)
        insert("learned_states", **row | {"kind": "other"})


class TestPatterns:
    def test_have_a_target_and_a_share(self):
        row = {"id": "p-1", "name": "logins", "pattern_type": "tag", "target_project": "web"}
        refuses("pattern_has_a_target", "routing_patterns", **row | {"target_project": None})
        refuses("pattern_confidence_is_a_share", "routing_patterns", **row | {"confidence": 7})
        insert("routing_patterns", **row)
        pattern = Pattern.objects.get()
        assert (pattern.confidence, pattern.usage_count, pattern.is_active, pattern.source) == (0.5, 0, True, "manual")


class TestPolicyVersions:
    @pytest.fixture
    def row(self):
        return {"id": "v-1", "policy_id": make_policy().pk, "number": 1}

    def test_can_be_inserted_by_plain_sql(self, row):
        insert("routing_policy_versions", **row)
        version = PolicyVersion.objects.get()
        assert (version.state, version.rules, version.weights, version.thresholds) == ("draft", [], {}, {})

    def test_are_active_one_at_a_time(self, row):
        insert("routing_policy_versions", **row | {"state": "active", "activated_at": NOW})
        other = {"id": "v-2", "number": 2, "state": "active", "activated_at": NOW}
        refuses(
            unique("one_active_policy_version", "routing_policy_versions.state"),
            "routing_policy_versions",
            **row | other,
        )
        insert("routing_policy_versions", **row | other | {"state": "retired"})

    def test_were_activated_iff_they_are_no_drafts(self, row):
        for wrong in ({"state": "active"}, {"state": "retired"}, {"state": "draft", "activated_at": NOW}):
            refuses("version_was_activated_iff_in_force", "routing_policy_versions", **row | wrong)

    def test_are_numbered_within_their_policy(self, row):
        insert("routing_policy_versions", **row)
        refuses(
            unique("one_version_per_number", "routing_policy_versions.number"),
            "routing_policy_versions",
            **row | {"id": "v-2"},
        )

    def test_belong_to_policies_with_names_of_their_own(self, row):
        refuses(unique("routing_policies_name", "routing_policies.name"), "routing_policies", id="p-2", name="house")


class TestDelegations:
    @pytest.fixture
    def row(self):
        here, there = InstanceFactory(), InstanceFactory()
        return {
            "id": "d-1", "task_id": TaskFactory().pk, "source_instance_id": here.pk, "target_instance_id": there.pk,
            "delegated_at": NOW,
        }  # fmt: skip

    def test_leave_their_source(self, row):
        same = row | {"target_instance_id": row["source_instance_id"]}
        refuses("delegation_leaves_its_source", "task_delegations", **same)

    def test_are_open_once_per_hop(self, row):
        insert("task_delegations", **row)
        assert Delegation.objects.get().status == "pending"
        again = row | {"id": "d-2"}
        refuses(unique("one_open_delegation_per_hop", "task_delegations.task_id"), "task_delegations", **again)
        insert("task_delegations", **again | {"status": "rejected"})
