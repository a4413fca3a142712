"""Questions about columns of a row that are quicker to write and to build as SQL than as nested querysets."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from django.db.models import BooleanField, Field, Func

from hopper.common.db.clock import Now


class Asked(Func):
    """SQL that both databases read, in which {0} stands for the first column, and so on; a condition by default.

    The columns follow the alias of their table, so the question may stand in a filter, an annotation or a subquery.
    """

    def __init__(self, sql: str, *columns: Any, output_field: Field | None = None) -> None:
        super().__init__(*columns, output_field=output_field or BooleanField())
        self.sql = sql

    def as_sql(self, compiler: Any, connection: Any, *shapes: Any, **extra: Any) -> Any:
        columns = [compiler.compile(column)[0] for column in self.source_expressions]
        return self.sql.format(*columns), []


class Usual(Asked):
    """A condition that most rows meet which the query looks at.

    It is written into the SQL whole, as SQLite needs to see the words of a partial index, and marked as likely, or
    SQLite would rather sort the rows of another index than read the first few of the ordered one.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        sql, values = self.as_sql(compiler, connection)
        return f"likely({sql})", values


class AskedOfRow(Func):
    """A condition in SQL in which {row} stands for the table of the row, and {now} for the database's clock.

    One column of the row is looked up however many the condition names, so that ten conditions are built as quickly
    as one. `values` are those of the `%s` in it.
    """

    output_field = BooleanField()

    def __init__(self, sql: str, values: Sequence[Any] = ()) -> None:
        super().__init__("pk")
        self.sql, self.values = sql, tuple(values)

    @classmethod
    def all_of(cls, conditions: Iterable[Self]) -> Self:
        """Return the conditions as one."""
        several = list(conditions)
        values = [value for condition in several for value in condition.values]
        return cls(" AND ".join(f"({condition.sql})" for condition in several), values)

    def as_sql(self, compiler: Any, connection: Any, *shapes: Any, **extra: Any) -> Any:
        key: Any = self.source_expressions[0]
        sql = self.sql.replace("{row}", compiler.quote_name_unless_alias(key.alias))
        before, *after = sql.split("{now}")
        if not after:
            return sql, self.values
        now, moment = compiler.compile(Now())
        first = before.count("%s")
        return now.join((before, *after)), (*self.values[:first], *moment, *self.values[first:])
