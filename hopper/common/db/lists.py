"""Many small values beside each row, in the query of the row."""

from typing import Any

from django.db import connection
from django.db.models import BooleanField, Func, JSONField, QuerySet, Subquery


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


_KEYS = {
    "postgresql": "CROSS JOIN LATERAL jsonb_object_keys(t.{0}) {1}(key)",
    "sqlite": "CROSS JOIN json_each(t.{0}) {1}",
}
_BYTEWISE = {"postgresql": 'COLLATE "C"', "sqlite": ""}  # one order of words on both databases, and in Python


def pairs_of_keys(rows: QuerySet[Any, Any], column: str, *, least: int, most: int) -> list[tuple[str, str, int]]:
    """Return which two keys of a JSON object stand together in at least so many of the rows, the commonest first."""
    inner, values = rows.order_by().values(column).query.sql_with_params()
    name, bytewise = connection.ops.quote_name(column), _BYTEWISE[connection.vendor]
    first, second = (_KEYS[connection.vendor].format(name, alias) for alias in ("a", "b"))
    sql = f"""
        SELECT a.key {bytewise}, b.key {bytewise}, COUNT(*) FROM ({inner}) t {first} {second}
        WHERE a.key {bytewise} < b.key {bytewise} GROUP BY 1, 2 HAVING COUNT(*) >= %s
        ORDER BY 3 DESC, 1, 2 LIMIT {most:d}"""  # noqa: S608 - the names are our own, and so is the query
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, least])
        return list(cursor.fetchall())
