"""Where a task is to go, as things stand."""

from django.db import models
from django.db.models import Q

from hopper.common.models import Timestamped
from routing.querysets import DecisionQuerySet


class DecidedBy(models.TextChoices):
    """What settled a decision."""

    RULES = "rules"
    CAPABILITY = "capability"
    LEARNED = "learned"
    EXPLICIT = "explicit"
    HUMAN = "human"
    LLM = "llm"
    SAGE = "sage"
    HYBRID = "hybrid"


def _json(empty: type) -> models.JSONField:
    return models.JSONField(default=empty, blank=True, db_default=models.Value(empty(), models.JSONField()))


class Decision(Timestamped):
    """The current choice for a task, with the alternatives it was preferred to."""

    class Outcome(models.TextChoices):
        """Whether Hopper chose or refused to guess."""

        ROUTED = "routed"
        ABSTAINED = "abstained"

    task = models.OneToOneField("tasks.Task", models.CASCADE, primary_key=True, related_name="decision")
    project = models.ForeignKey(
        "projects.Project", models.PROTECT, null=True, db_column="project", related_name="decisions"
    )
    instance = models.ForeignKey("instances.Instance", models.SET_NULL, null=True, related_name="decisions")
    asked_instance = models.ForeignKey(
        "instances.Instance", models.SET_NULL, null=True, related_name="+",
        help_text="Who is asked first while a person is to decide: the lowest instance above the likeliest places.",
    )  # fmt: skip
    confidence = models.FloatField()
    reasoning = models.TextField()
    alternatives = _json(list)
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    decided_by = models.CharField(max_length=20, choices=DecidedBy.choices)
    decided_at = models.DateTimeField()
    decision_time_ms = models.FloatField(null=True)
    workload_snapshot = _json(dict)
    context = _json(dict)
    episode = models.ForeignKey("routing.Episode", models.SET_NULL, null=True, related_name="+")
    policy_version = models.ForeignKey("routing.PolicyVersion", models.SET_NULL, null=True, related_name="+")

    objects = DecisionQuerySet.as_manager()

    class Meta:
        db_table = "routing_decisions"
        constraints = [
            models.CheckConstraint(name="decision_confidence_is_a_share", condition=Q(confidence__range=(0, 1))),
            models.CheckConstraint(
                name="decision_abstained_names_no_project",
                condition=Q(outcome="abstained", project__isnull=True) | Q(outcome="routed"),
            ),
            models.CheckConstraint(
                name="decision_routed_names_a_place",
                condition=Q(outcome="abstained") | Q(project__isnull=False) | Q(instance__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="idx_decisions_decided_at", fields=["decided_at"]),
            models.Index(name="idx_decisions_project", fields=["project", "decided_at"]),
            models.Index(name="idx_decisions_confidence", fields=["confidence", "task"]),
            models.Index(name="idx_decisions_outcome", fields=["outcome", "decided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.task} → {self.project_id or self.outcome}"
