"""Many small values beside each row, in the query of the row."""

from typing import Any

from django.db.models import BooleanField, Func, JSONField, Subquery


class ListOf(Subquery):
    """The one column of a subquery, which has to be called `value`, as a list; empty where there are no rows."""

    output_field = JSONField()

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        return self.as_sql(compiler, connection, template="(SELECT json_group_array(value) FROM (%(subquery)s))")

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        template = "(SELECT coalesce(jsonb_agg(value), '[]') FROM (%(subquery)s) listed)"
        return self.as_sql(compiler, connection, template=template)


class Holds(Func):
    """Whether the JSON list (an expression) holds the text, letter for letter."""

    arity = 2
    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "EXISTS (SELECT 1 FROM json_each(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=") WHERE value = (")

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="jsonb_exists")
