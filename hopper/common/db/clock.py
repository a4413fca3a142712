"""The database's clock."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now as PlainNow
from django.utils import timezone


class Now(PlainNow):
    """The moment by the database's clock, stored like every other moment.

    SQLite lives in this process, so this process's clock is its clock. Its own text ends at milliseconds and
    sorts before the same moment written by Django, which ends at microseconds: pages by it repeat rows.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return compiler.compile(Value(timezone.now(), output_field=DateTimeField()))


def moment_in(span: timedelta = timedelta()) -> tuple[str, Any]:
    """Return SQL with one value: the moment so long from now by the database's clock, quicker than building `Now`."""
    if connection.vendor == "postgresql":
        return "STATEMENT_TIMESTAMP() + %s", span
    return "%s", connection.ops.adapt_datetimefield_value(timezone.now() + span)
