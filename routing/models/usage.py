"""What embedding services were paid for."""

from django.db import models

from hopper.common.models import Timestamped


class EmbeddingUsage(Timestamped):
    """What one model was asked for on one day (UTC), counted by every process; `dollars` are an estimate."""

    day = models.DateField()
    model = models.CharField(max_length=100)
    texts = models.PositiveBigIntegerField(default=0, db_default=0)
    tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    dollars = models.FloatField(null=True, help_text="Empty: the price of the model is not known.")

    class Meta:
        db_table = "embedding_usage"
        verbose_name_plural = "embedding usage"
        constraints = [models.UniqueConstraint(name="one_usage_a_day_and_model", fields=["day", "model"])]

    def __str__(self) -> str:
        return f"{self.model} on {self.day}"
