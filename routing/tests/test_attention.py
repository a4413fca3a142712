import pytest
from django.urls import reverse
from django.utils import timezone

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import AttentionWeight, Episode, EpisodeJudgement, LearnedState
from routing.operations import load_policy, refit, refit_if_due, reset_attention
from routing.operations.attention import FEWEST, KEPT_HISTORY, weigh_attention
from routing.operations.loading import load_knowledge
from routing.operations.remembering import STATE
from routing.tests.factories import teach_topics
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
UNSURE = [-1.1, -1.1, -1.1]


def judged(count, instance=None, **said):
    """Judged tasks of the place web, filed at the instance, about which the experts said this of web, data, infra."""
    tasks = Task.objects.bulk_create(TaskFactory.build_batch(count))
    episodes = Episode.objects.bulk_create(
        Episode(task=task, confidence=0.5, strategy="learned", routed_at=timezone.now(), decision_factors={
            "input": {"instance": instance},
            "experts": {"places": ["web", "data", "infra"], "said": {"linear": UNSURE, "neighbours": UNSURE} | said},
        })
        for task in tasks
    )  # fmt: skip
    EpisodeJudgement.objects.bulk_create(
        EpisodeJudgement(episode=episode, right_project="web", judged_by="ada", judged_at=timezone.now())
        for episode in episodes
    )


def weights(scope="global"):
    return dict(AttentionWeight.objects.filter(scope=scope).values_list("factor", "weight"))


class TestTheAttention:
    @pytest.fixture
    def fitted(self):
        teach_topics(copies=2)
        return refit().metrics["weights"]

    def test_is_that_of_the_fit_at_first(self, fitted):
        assert weights() == pytest.approx(fitted, abs=1e-3)

    def test_follows_the_experts_that_were_right_lately(self, fitted):
        LearnedState.objects.update(metrics=LearnedState.objects.get().metrics | {"examples": 10_000})
        judged(FEWEST, linear=[-3.0, -0.1, -3.0], neighbours=[-0.2, -2.0, -2.0])
        assert refit_if_due() is None
        assert weights()["linear"] < 0.5 < fitted["linear"]
        assert weights()["neighbours"] > 2 * fitted["neighbours"]
        assert weights()["centroids"] == pytest.approx(fitted["centroids"], abs=1e-3)

    def test_stays_while_few_were_judged(self, fitted):
        judged(FEWEST - 1, linear=[-3.0, -0.1, -3.0])
        weigh_attention(by="test")
        assert weights() == pytest.approx(fitted, abs=1e-3)

    def test_doubts_all_that_never_named_the_true_place(self, fitted):
        judged(FEWEST, linear=[-9.0, -0.1, -9.0], neighbours=[-9.0, -0.1, -9.0])
        weigh_attention(by="test")
        assert max(weights()["linear"], weights()["neighbours"]) < 0.1

    def test_remembers_what_it_was(self, fitted):
        AttentionWeight.objects.update(history=[{"weight": 1.0, "at": "", "by": "before"}] * KEPT_HISTORY)
        weigh_attention(by="test")
        history = AttentionWeight.objects.get(factor="linear").history
        assert (len(history), history[0]["by"]) == (KEPT_HISTORY, "test, 0 judged tasks")
        assert {entry["by"] for entry in history[1:]} == {"before"}

    def test_is_reset_on_its_page_and_then_moved_by_later_feedback_alone(self, fitted, admin_client):
        judged(FEWEST, linear=[-3.0, -0.1, -3.0])
        weigh_attention(by="test")
        row = AttentionWeight.objects.get(factor="linear")
        page = reverse("admin:routing_attentionweight_changelist")
        answer = admin_client.post(page, {"action": "reset", "_selected_action": row.pk}, follow=True)
        assert "The weights are those of the fit" in answer.content.decode()
        weigh_attention(by="test")
        assert weights() == pytest.approx(fitted, abs=1e-3)
        shown = admin_client.get(reverse("admin:routing_attentionweight_change", args=[row.pk])).content.decode()
        assert "reset by admin" in shown

    def test_is_nothing_to_reset_before_a_fit(self):
        assert reset_attention(actor="ada") == {}


class TestTheAttentionOfAnInstance:
    @pytest.fixture
    def tree(self):
        """A shop with a till below, beside a bank; the till and the bank serve a project."""
        teach_topics(copies=2)
        refit()
        shop, bank = InstanceFactory(id="shop"), InstanceFactory(id="bank")
        till = InstanceFactory(id="till", parent=shop, scope="ORCHESTRATION")
        ProjectFactory(name="checkout", instance=till)
        load_policy(name="shop", content=[], instance=shop, actor="ada")
        return {"shop": shop, "till": till, "bank": bank}

    def test_follows_what_was_filed_there_or_below(self, tree):
        judged(FEWEST, instance="till", linear=[-3.0, -0.1, -3.0], neighbours=[-0.2, -2.0, -2.0])
        judged(FEWEST - 1, instance="bank", linear=[-0.1, -3.0, -3.0])
        weigh_attention(by="test")
        assert weights("till")["linear"] <= weights("shop")["linear"] < weights()["linear"]
        assert weights("bank") == {}

    def test_counts_in_decisions_there_and_below_and_nowhere_else(self, tree):
        AttentionWeight.objects.create(scope="shop", factor="linear", weight=0.125)
        seen = {name: load_knowledge().at(name).memory.attention.get("linear") for name in ("shop", "till", "bank")}
        assert seen == {"shop": 0.125, "till": 0.125, "bank": pytest.approx(weights()["linear"])}
        assert load_knowledge().memory.attention == pytest.approx(weights())

    def test_falls_back_to_that_of_the_instance_above_when_it_is_reset(self, tree):
        judged(FEWEST, instance="till", linear=[-3.0, -0.1, -3.0])
        weigh_attention(by="test")
        reset_attention(actor="ada")
        assert weights("till") == pytest.approx(LearnedState.objects.get(kind=STATE).metrics["weights"], abs=1e-3)
        weigh_attention(by="test")
        assert weights("till") == weights("shop") == weights()

    def test_ends_with_the_instance(self, tree):
        AttentionWeight.objects.create(scope="gone", factor="linear", weight=1)
        weigh_attention(by="test")
        assert weights("gone") == {}
