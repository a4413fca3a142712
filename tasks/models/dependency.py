"""What a task waits for."""

from django.db import models
from django.db.models import F, Q

from hopper.common.models import Timestamped
from tasks.querysets import DependencyQuerySet


class TaskDependency(Timestamped):
    """One task that must be completed before another may start."""

    class Kind(models.TextChoices):
        """What the wait means."""

        BLOCKS = "blocks"

    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="waits_for")
    depends_on = models.ForeignKey("tasks.Task", models.CASCADE, related_name="is_waited_for_by")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.BLOCKS, db_default=Kind.BLOCKS)

    objects = DependencyQuerySet.as_manager()

    class Meta:
        db_table = "task_dependencies"
        verbose_name_plural = "task dependencies"
        constraints = [
            models.UniqueConstraint(
                name="one_dependency_per_pair", fields=["task", "depends_on"],
                violation_error_message="This task waits for that one already.",
            ),
            models.CheckConstraint(
                name="task_does_not_wait_for_itself", condition=~Q(task=F("depends_on")),
                violation_error_message="A task cannot wait for itself.",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.task_id} waits for {self.depends_on_id}"

    def natural_key(self) -> tuple[str, str]:
        return self.task_id, self.depends_on_id
