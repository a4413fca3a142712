"""The nightly work on what was learned."""

from django.db import models
from django.db.models import Q

from hopper.common.models import Timestamped
from routing.querysets import ConsolidationQuerySet


class ConsolidationRun(Timestamped):
    """One consolidation: asked for, then run, then over; its log says what it found, for people.

    `commit` is that of the repository, null where nothing had changed or there is none.
    """

    class State(models.TextChoices):
        """wanted: asked for · running · done · failed: it stopped with an error, or was killed."""

        WANTED = "wanted"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    state = models.CharField(max_length=20, choices=State.choices, default=State.WANTED, db_default=State.WANTED)
    asked_by = models.CharField(max_length=100)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    commit = models.CharField(max_length=64, null=True)
    log = models.TextField(default="", db_default="")

    objects = ConsolidationQuerySet.as_manager()

    class Meta:
        db_table = "consolidation_runs"
        constraints = [
            models.UniqueConstraint(
                name="one_consolidation_runs_at_a_time", fields=["state"], condition=Q(state="running")
            ),
            models.CheckConstraint(
                name="consolidation_is_over_iff_it_has_an_end",
                condition=Q(state__in=["done", "failed"], finished_at__isnull=False)
                | Q(state__in=["wanted", "running"], finished_at__isnull=True),
            ),
        ]
        indexes = [models.Index(name="idx_consolidations_created_at", fields=["created_at", "id"])]

    def __str__(self) -> str:
        return f"consolidation {self.pk} ({self.state})"
