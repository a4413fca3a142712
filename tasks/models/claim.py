"""Who held a task, and when."""

from django.db import models
from django.db.models import F, Q

from hopper.common.models import Timestamped
from tasks.querysets import ClaimQuerySet


class TaskClaim(Timestamped):
    """One lease that was taken on a task; the task itself says which one is live."""

    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="claims")
    owner = models.CharField(max_length=200)
    executor_type = models.CharField(max_length=50, null=True, blank=True)
    fence = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=50, null=True, blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        db_table = "task_claims"
        constraints = [
            models.UniqueConstraint(name="one_claim_per_fence", fields=["task", "fence"]),
            models.UniqueConstraint(
                name="one_live_claim_per_task", fields=["task"], condition=Q(released_at__isnull=True)
            ),
            models.CheckConstraint(
                name="claim_ends_after_it_begins",
                condition=Q(released_at__isnull=True) | Q(released_at__gte=F("taken_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} holds {self.task} ({self.fence})"

    def natural_key(self) -> tuple[str, int]:
        return self.task_id, self.fence
