"""A task that seems to ask for what another asks for already."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from hopper.common.models import Timestamped, Versioned
from routing.querysets import DuplicateQuerySet
from tasks.models import Task


class Duplicate(Timestamped, Versioned):
    """A hint that a task repeats an earlier one; a person decides, and nothing is merged by itself.

    `content_hash` is that of the task's text, so that what was dismissed stays dismissed until the text changes.
    """

    class Status(models.TextChoices):
        """suggested: nobody has looked · confirmed: it is one · dismissed: it is none."""

        SUGGESTED = "suggested"
        CONFIRMED = "confirmed"
        DISMISSED = "dismissed"

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="duplicate")
    original = models.ForeignKey(Task, models.CASCADE, related_name="duplicates")
    similarity = models.FloatField(validators=[MinValueValidator(0), MaxValueValidator(1)])
    content_hash = models.CharField(max_length=64)
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.SUGGESTED, db_default=Status.SUGGESTED
    )

    objects = DuplicateQuerySet.as_manager()

    class Meta:
        db_table = "task_duplicates"
        constraints = [
            models.CheckConstraint(name="duplicate_is_of_another_task", condition=~Q(task=F("original"))),
            models.CheckConstraint(name="duplicate_similarity_is_a_share", condition=Q(similarity__range=(0, 1))),
            models.CheckConstraint(
                name="duplicate_status_is_known", condition=Q(status__in=["suggested", "confirmed", "dismissed"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task} repeats {self.original}"
