"""Consumers whose other side is away."""

from django.db import models

from hopper.common.models import Timestamped


class Outage(Timestamped):
    """A consumer's other side is away since this row was made; while the row stands, only probes are carried.

    `probe_at`: when the next single delivery is let through.
    """

    consumer = models.CharField(primary_key=True, max_length=50)
    probe_at = models.DateTimeField()
    last_error = models.TextField()

    class Meta:
        db_table = "outages"

    def __str__(self) -> str:
        return f"{self.consumer}: {self.last_error}"
