"""The append-only log."""

import uuid
from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from hopper.common.durations import in_words
from hopper.common.models import Timestamped
from hopper.events.querysets import EventQuerySet
from hopper.events.sentences import sentence_for


class Event(Timestamped):
    """Something that happened to one row; never changed, never deleted.

    `version` rises by one for each event of the same row, so readers can tell order and gaps. `position` is the place
    in the whole log, given after the commit: what stands before a position that was seen never changes (ADR 28).
    """

    id = models.BigAutoField(primary_key=True)
    position = models.PositiveBigIntegerField(null=True, unique=True, editable=False)
    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    type = models.CharField(max_length=100)
    aggregate_type = models.CharField(max_length=50)
    aggregate_id = models.CharField(max_length=100)
    version = models.PositiveBigIntegerField()
    actor = models.CharField(max_length=200)
    schema_version = models.PositiveSmallIntegerField(default=1, db_default=1)
    payload = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    occurred_at = models.DateTimeField(default=timezone.now, db_default=Now())
    since_previous: timedelta | None = None  # on a timeline

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "events"
        constraints = [
            models.UniqueConstraint(name="one_event_per_version", fields=["aggregate_type", "aggregate_id", "version"]),
        ]
        indexes = [
            models.Index(name="idx_events_type", fields=["type", "id"]),
            models.Index(name="idx_events_occurred_at", fields=["occurred_at", "id"]),
            models.Index(name="idx_events_unstamped", fields=["id"], condition=models.Q(position__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.aggregate_id} v{self.version}"

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        return sentence_for(self.type, actor=self.actor, payload=self.payload)

    @property
    def seconds_since_previous(self) -> float | None:
        """How long after the one before it on a timeline."""
        return None if self.since_previous is None else self.since_previous.total_seconds()

    @property
    def gap(self) -> str:
        """The same for people; nothing where it happened at once."""
        return "" if self.since_previous is None else in_words(self.since_previous)
