"""One act of routing, kept for ever, and what became of it."""

from django.db import models
from django.db.models import Q

from hopper.common.fields import Tags
from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from routing.models.decision import DecidedBy
from routing.querysets import EpisodeQuerySet, JudgementQuerySet


class Episode(Timestamped):
    """The immutable record of one routing act; only its outcome is filled in later, once."""

    class Source(models.TextChoices):
        """Where the act took place."""

        LOCAL = "local"
        SERVER = "server"
        NORTHBOUND = "northbound"

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    task = models.ForeignKey("tasks.Task", models.SET_NULL, null=True, related_name="episodes", db_index=False)
    tags = Tags()
    chosen_scope = models.CharField(max_length=20, null=True)
    chosen_instance = models.CharField(max_length=100, null=True)
    chosen_project = models.CharField(max_length=100, null=True)
    confidence = models.FloatField()
    strategy = models.CharField(max_length=20, choices=DecidedBy.choices)
    decision_factors = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    outcome_success = models.BooleanField(null=True)
    outcome_duration = models.DurationField(null=True)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.LOCAL, db_default=Source.LOCAL)
    source_instance_id = models.CharField(max_length=100, null=True)
    routed_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    objects = EpisodeQuerySet.as_manager()

    class Meta:
        db_table = "routing_episodes"
        constraints = [
            models.CheckConstraint(name="episode_confidence_is_a_share", condition=Q(confidence__range=(0, 1))),
        ]
        indexes = [
            models.Index(name="idx_episodes_task", fields=["task", "routed_at"]),
            models.Index(name="idx_episodes_outcome", fields=["outcome_success", "routed_at"]),
            models.Index(name="idx_episodes_chosen", fields=["chosen_project", "routed_at"]),
            models.Index(name="idx_episodes_routed_at", fields=["routed_at", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.task or 'a task'} → {self.chosen_project or 'a person'}"


class EpisodeJudgement(Timestamped, Versioned):
    """What a person or an outcome says of an episode: the lesson that routing learns from.

    `right_project` is the true destination where it is known; without one the episode teaches nothing but doubt.
    """

    class Signal(models.TextChoices):
        """Where the lesson comes from.

        feedback: somebody said so · completed, declined, moved: nobody said it, what became of the work hints at it ·
        withdrawn: what was said is taken back, and teaches nothing.
        """

        FEEDBACK = "feedback"
        COMPLETED = "completed"
        DECLINED = "declined"
        MOVED = "moved"
        WITHDRAWN = "withdrawn"

    IMPLICIT = (Signal.COMPLETED, Signal.DECLINED, Signal.MOVED)

    episode = models.OneToOneField(Episode, models.CASCADE, primary_key=True, related_name="judgement")
    right_project = models.CharField(max_length=100, null=True)
    reliability = models.FloatField(default=1.0, db_default=1.0)
    signal = models.CharField(
        max_length=20, choices=Signal.choices, default=Signal.FEEDBACK, db_default=Signal.FEEDBACK
    )
    judged_by = models.CharField(max_length=200)
    judged_at = models.DateTimeField()
    weighed_at = models.DateTimeField(null=True, help_text="When its vote was last found right or wrong.")

    objects = JudgementQuerySet.as_manager()

    class Meta:
        db_table = "episode_judgements"
        constraints = [
            models.CheckConstraint(name="judgement_reliability_is_a_share", condition=Q(reliability__range=(0, 1))),
        ]
        indexes = [
            models.Index(name="idx_judgements_updated_at", fields=["updated_at"]),
            models.Index(name="idx_judgements_weighed_at", fields=["weighed_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.episode}: {self.right_project or 'wrong'}"
