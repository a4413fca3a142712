"""What was learned, as numbers."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from hopper.common.db.clock import Now
from hopper.common.models import Timestamped
from routing.querysets import LearnedStateQuerySet


class LearnedState(Timestamped):
    """One fit: arrays in NumPy's own format, never a pickle, or a curve in its metrics; the newest number is live."""

    scope = models.CharField(max_length=100, default="global", db_default="global")
    kind = models.CharField(max_length=50)
    number = models.PositiveIntegerField()
    arrays = models.BinaryField()
    metrics = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    objects = LearnedStateQuerySet.as_manager()

    class Meta:
        db_table = "learned_states"
        constraints = [models.UniqueConstraint(name="one_state_per_number", fields=["scope", "kind", "number"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


class AttentionWeight(Timestamped):
    """How much one expert of the learned factor counts in a scope, chosen by how well the experts did lately.

    `history` holds the latest values before, newest first. A reset sets `reset_at`: feedback before it counts no more.
    """

    scope = models.CharField(max_length=100, default="global", db_default="global")
    factor = models.CharField(max_length=50)
    weight = models.FloatField()
    history = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    reset_at = models.DateTimeField(null=True)
    weighed_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        db_table = "attention_weights"
        constraints = [
            models.UniqueConstraint(name="one_weight_per_factor", fields=["scope", "factor"]),
            models.CheckConstraint(name="attention_weight_is_0_to_20", condition=Q(weight__range=(0, 20))),
        ]

    def __str__(self) -> str:
        return f"{self.factor} ×{self.weight:.2f}"
