"""What was learned, as numbers."""

from django.db import models

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
