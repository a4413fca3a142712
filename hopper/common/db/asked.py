"""Questions about columns of a row that are quicker to write and to build as SQL than as nested querysets."""

from typing import Any

from django.db.models import BooleanField, Field, Func


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
