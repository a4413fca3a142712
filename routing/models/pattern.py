"""Regularities, learned or written."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from hopper.common.fields import Tags
from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from routing.querysets import PatternQuerySet


class Pattern(Timestamped, Versioned):
    """Tasks like this go there, with how often it held."""

    class Type(models.TextChoices):
        """What a pattern looks at."""

        TAG = "tag"
        TEXT = "text"
        COMBINED = "combined"
        PRIORITY = "priority"

    class Source(models.TextChoices):
        """Who found the pattern."""

        LEARNED = "learned"
        MANUAL = "manual"
        NORTHBOUND = "northbound"

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    name = models.CharField(max_length=200)
    description = models.TextField(null=True, blank=True)
    pattern_type = models.CharField(max_length=20, choices=Type.choices)
    target_instance = models.CharField(max_length=100, null=True, blank=True)
    target_project = models.CharField(max_length=100, null=True, blank=True)
    tag_criteria = Tags()
    text_criteria = models.JSONField(default=list, blank=True, db_default=models.Value([], models.JSONField()))
    priority_criteria = models.CharField(max_length=20, null=True, blank=True)
    confidence = models.FloatField(default=0.5, db_default=0.5)
    usage_count = models.PositiveIntegerField(default=0, db_default=0)
    success_count = models.PositiveIntegerField(default=0, db_default=0)
    failure_count = models.PositiveIntegerField(default=0, db_default=0)
    is_active = models.BooleanField(default=True, db_default=True)
    is_anti_pattern = models.BooleanField(default=False, db_default=False)
    derived_from = models.CharField(max_length=50, null=True, blank=True)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.MANUAL, db_default=Source.MANUAL)
    source_instance_id = models.CharField(max_length=100, null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_refined_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PatternQuerySet.as_manager()

    class Meta:
        db_table = "routing_patterns"
        constraints = [
            models.CheckConstraint(name="pattern_confidence_is_a_share", condition=Q(confidence__range=(0, 1))),
            models.CheckConstraint(
                name="pattern_has_a_target",
                condition=Q(target_instance__isnull=False) | Q(target_project__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="idx_patterns_target", fields=["target_instance"]),
            models.Index(name="idx_patterns_active", fields=["is_active"]),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Check with a sentence each what the table would refuse without one."""
        errors = {}
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            errors["confidence"] = f"{self.confidence:g} is not from 0 to 1."
        if self.target_project is None and self.target_instance is None:
            errors["target_project"] = "Name the project or the instance that such tasks go to."
        if errors:
            raise ValidationError(errors)


class PatternEvidence(Timestamped):
    """How often a pattern held in one window of what one source saw; sources are never added up.

    `older` is the part of the episodes that patterns are searched in, `newer` the part that was held out.
    """

    class Window(models.TextChoices):
        """Which part of the episodes."""

        OLDER = "older"
        NEWER = "newer"

    pattern = models.ForeignKey(Pattern, models.CASCADE, related_name="evidence")
    source = models.CharField(max_length=100)
    window = models.CharField(max_length=20, choices=Window.choices)
    successes = models.PositiveIntegerField()
    failures = models.PositiveIntegerField()

    class Meta:
        db_table = "pattern_evidence"
        verbose_name_plural = "pattern evidence"
        constraints = [
            models.UniqueConstraint(name="one_evidence_per_source_and_window", fields=["pattern", "source", "window"])
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.window}: {self.successes} of {self.successes + self.failures}"
