"""Where the log ends for its readers."""

from django.db import models

from hopper.common.models import Timestamped

THE_ONE = 1


class LogEnd(Timestamped):
    """The last position that was given to an event: one row, whose lock lets one stamper work at a time."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=THE_ONE)
    position = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "log_end"
        constraints = [models.CheckConstraint(name="the_log_has_one_end", condition=models.Q(id=THE_ONE))]

    def __str__(self) -> str:
        return f"position {self.position}"
