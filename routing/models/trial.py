"""How a policy version would do: replayed on what was, beside what is, and rules that wait for a yes."""

from django.db import models
from django.db.models import Q

from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from routing.models.episode import Episode
from routing.models.pattern import Pattern
from routing.models.policy import PolicyVersion
from routing.querysets import BacktestQuerySet, ProposalQuerySet, ShadowQuerySet


def _object() -> models.JSONField:
    return models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))


class Backtest(Timestamped):
    """What a version would have done with stored episodes, beside the version in force; written once.

    `content_hash` is that of the version's content, so that a report of what was edited since is known as old.
    """

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    policy_version = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="backtests")
    baseline = models.ForeignKey(PolicyVersion, models.SET_NULL, null=True, related_name="+")
    content_hash = models.CharField(max_length=64)
    report = _object()
    created_by = models.CharField(max_length=100)

    objects = BacktestQuerySet.as_manager()

    class Meta:
        db_table = "policy_backtests"

    def __str__(self) -> str:
        return f"backtest of {self.policy_version}"


class ShadowChoice(Timestamped):
    """What the version in shadow would have done with a task that was just decided; nothing follows from it.

    A table of its own, so that no question about episodes has to leave shadows out (docs/adr/0023-policies.md).
    """

    episode = models.OneToOneField(Episode, models.CASCADE, primary_key=True, related_name="shadow")
    policy_version = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="shadow_choices", db_index=False)
    project = models.CharField(max_length=100, null=True)
    confidence = models.FloatField()
    scores = _object()

    objects = ShadowQuerySet.as_manager()

    class Meta:
        db_table = "policy_shadow_choices"
        constraints = [
            models.CheckConstraint(name="shadow_confidence_is_a_share", condition=Q(confidence__range=(0, 1))),
        ]
        indexes = [models.Index(name="idx_shadow_choices_version", fields=["policy_version", "created_at"])]

    def __str__(self) -> str:
        return f"{self.policy_version}: {self.project or 'a person'}"


class Proposal(Timestamped, Versioned):
    """A rule that a learned pattern suggests, with its backtest; a person accepts or dismisses it, once.

    `rule_hash` is that of the rule without name and weight, so that what was dismissed is not proposed again.
    """

    class State(models.TextChoices):
        """proposed: nobody has answered · accepted: it stands in a draft · dismissed: never again."""

        PROPOSED = "proposed"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    pattern = models.ForeignKey(Pattern, models.SET_NULL, null=True, blank=True, related_name="proposals")
    rule = _object()
    rule_hash = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROPOSED, db_default=State.PROPOSED)
    report = _object()
    draft = models.ForeignKey(PolicyVersion, models.SET_NULL, null=True, blank=True, related_name="proposals")
    settled_by = models.CharField(max_length=100, null=True, blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        db_table = "policy_proposals"
        constraints = [
            models.CheckConstraint(
                name="proposal_state_is_known", condition=Q(state__in=["proposed", "accepted", "dismissed"])
            ),
        ]

    def __str__(self) -> str:
        return str(self.rule.get("name", self.pk))
