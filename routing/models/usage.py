"""What embedding services and language models were paid for."""

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


class AdviserUsage(Timestamped):
    """What one language model was asked for on one day (UTC); what a question may cost at most is taken up before it.

    `dollars` are an estimate.
    """

    day = models.DateField()
    model = models.CharField(max_length=100)
    calls = models.PositiveBigIntegerField(default=0, db_default=0)
    tokens = models.BigIntegerField(default=0, db_default=0)
    dollars = models.FloatField(default=0.0, db_default=0.0, help_text="0 while the prices are not set.")

    class Meta:
        db_table = "adviser_usage"
        verbose_name_plural = "adviser usage"
        constraints = [models.UniqueConstraint(name="one_advice_bill_a_day_and_model", fields=["day", "model"])]

    def __str__(self) -> str:
        return f"{self.model} on {self.day}"
