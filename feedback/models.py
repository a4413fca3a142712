"""What people say of a decision and of the work."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from feedback.querysets import FeedbackQuerySet
from hopper.common.durations import check_duration, read_duration
from hopper.common.fields import normalise_tag
from hopper.common.models import Timestamped, Versioned


def check_texts(value: object) -> None:
    """Check a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValidationError("Send a list of texts.")


def check_tag(value: str) -> None:
    """Check a tag."""
    normalise_tag(value)


def _texts() -> models.JSONField:
    return models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField()), validators=[check_texts]
    )


class TaskFeedback(Timestamped, Versioned):
    """The current judgement of one task's routing and work; earlier ones are in its events."""

    class Source(models.TextChoices):
        """Which door the judgement came in by."""

        API = "api"
        ADMIN = "admin"
        REVIEW = "review"
        IMPORT = "import"

    SAID = (
        "was_good_match", "should_have_routed_to", "routing_feedback", "quality_score", "complexity_rating",
        "estimated_duration", "actual_duration", "required_rework", "rework_reason", "unexpected_blockers",
        "required_skills_not_tagged", "notes",
    )  # fmt: skip

    task = models.OneToOneField("tasks.Task", models.CASCADE, primary_key=True, related_name="feedback")
    was_good_match = models.BooleanField()
    should_have_routed_to = models.CharField(
        max_length=100, null=True, blank=True, help_text="The project, or the instance of one, where it belonged."
    )
    routing_feedback = models.TextField(null=True, blank=True)
    quality_score = models.FloatField(null=True, blank=True, help_text="0 to 1.")
    complexity_rating = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 to 10.")
    estimated_duration = models.CharField(max_length=50, null=True, blank=True, validators=[check_duration])
    actual_duration = models.CharField(max_length=50, null=True, blank=True, validators=[check_duration])
    estimated_seconds = models.PositiveIntegerField(null=True, editable=False)
    actual_seconds = models.PositiveIntegerField(null=True, editable=False)
    required_rework = models.BooleanField(null=True, blank=True)
    rework_reason = models.TextField(null=True, blank=True)
    unexpected_blockers = _texts()
    required_skills_not_tagged = _texts()
    notes = models.TextField(null=True, blank=True)
    given_by = models.CharField(max_length=100, editable=False)
    source = models.CharField(
        max_length=20, choices=Source.choices, default=Source.API, db_default=Source.API, editable=False
    )
    source_instance_id = models.CharField(max_length=100, null=True, blank=True, editable=False)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        db_table = "task_feedback"
        verbose_name = verbose_name_plural = "feedback"
        constraints = [
            models.CheckConstraint(
                name="feedback_quality_is_a_share",
                condition=Q(quality_score__isnull=True) | Q(quality_score__range=(0, 1)),
            ),
            models.CheckConstraint(
                name="feedback_complexity_is_1_to_10",
                condition=Q(complexity_rating__isnull=True) | Q(complexity_rating__range=(1, 10)),
            ),
        ]
        indexes = [
            models.Index(name="idx_feedback_created_at", fields=["created_at", "task"]),
            models.Index(name="idx_feedback_updated_at", fields=["updated_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {'right' if self.was_good_match else 'wrong'}"

    def said(self) -> dict[str, Any]:
        """Return what it says, as its event keeps it: the match and the place, and whatever else is filled in."""
        values = {name: getattr(self, name) for name in self.SAID}
        kept = {name: value for name, value in values.items() if value not in (None, "", [])}
        return {"should_have_routed_to": None, **kept, "source": self.source}

    def clean(self) -> None:
        """Check the ranges with a sentence each, and keep durations as seconds too."""
        errors = {}
        if self.quality_score is not None and not 0 <= self.quality_score <= 1:
            errors["quality_score"] = f"{self.quality_score:g} is not from 0 to 1: divide stars by their number."
        if self.complexity_rating is not None and not 1 <= self.complexity_rating <= 10:
            errors["complexity_rating"] = "Send a whole number from 1 to 10."
        if self.was_good_match and self.should_have_routed_to:
            errors["should_have_routed_to"] = (
                "A good match names no other place: send was_good_match false, or leave it out."
            )
        if errors:
            raise ValidationError(errors)
        self.estimated_seconds = _seconds(self.estimated_duration)
        self.actual_seconds = _seconds(self.actual_duration)


def _seconds(text: str | None) -> int | None:
    try:
        return round(read_duration(text).total_seconds()) if text else None
    except ValidationError:
        return None  # the column's own check says what is wrong


class TagDismissal(Timestamped):
    """A proposal to tag a project's tasks that somebody refused; `project` is empty for tasks without one."""

    project = models.CharField(max_length=100, blank=True, default="", db_default="")
    tag = models.CharField(max_length=64, validators=[check_tag])
    dismissed_by = models.CharField(max_length=100, editable=False)

    class Meta:
        db_table = "tag_dismissals"
        constraints = [
            models.UniqueConstraint(
                name="one_dismissal_per_tag", fields=["project", "tag"],
                violation_error_message="This proposal is dismissed already.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"no {self.tag} for {self.project or 'tasks without a project'}"
