"""What escalation has done."""

from django.db import models

from hopper.common.models import Timestamped
from tasks.querysets import EscalationQuerySet


class TaskEscalation(Timestamped):
    """One step of a rule that was taken for a task: each is taken once, however many look at the same time."""

    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="escalations", db_index=False)
    rule = models.CharField(max_length=200)
    step = models.PositiveSmallIntegerField(default=0, db_default=0)
    action = models.CharField(max_length=20)
    why = models.TextField()
    did = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    objects = EscalationQuerySet.as_manager()

    class Meta:
        db_table = "task_escalations"
        constraints = [
            models.UniqueConstraint(name="each_step_of_a_rule_is_taken_once", fields=["task", "rule", "step"]),
        ]

    def __str__(self) -> str:
        return f"{self.rule} ({self.step + 1})"

    def natural_key(self) -> tuple[str, str, int]:
        return self.task_id, self.rule, self.step
