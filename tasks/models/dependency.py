"""What a task waits for."""

from django.db import models
from django.db.models import F, Q

from hopper.common.models import Timestamped
from tasks.querysets import DependencyQuerySet


class TaskDependency(Timestamped):
    """One task that another waits for."""

    class Kind(models.TextChoices):
        """What the wait means.

        blocks: until the other is completed · conditional: until the other has failed; once it is completed the
        task is not needed · waits_for_children: until the children of the other are completed.
        """

        BLOCKS = "blocks"
        CONDITIONAL = "conditional"
        WAITS_FOR_CHILDREN = "waits_for_children"

    class Quorum(models.TextChoices):
        """How many children `waits_for_children` needs."""

        ALL = "all"
        ANY = "any"

    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="waits_for")
    depends_on = models.ForeignKey("tasks.Task", models.CASCADE, related_name="is_waited_for_by")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.BLOCKS, db_default=Kind.BLOCKS)
    quorum = models.CharField(max_length=3, choices=Quorum.choices, default=Quorum.ALL, db_default=Quorum.ALL)

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
            models.CheckConstraint(
                name="dependency_kind_is_known",
                condition=Q(kind__in=["blocks", "conditional", "waits_for_children"], quorum__in=["all", "any"]),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.task_id} waits for {self.depends_on_id}"

    def natural_key(self) -> tuple[str, str]:
        return self.task_id, self.depends_on_id
