"""Taking the first of many rows that others want too: one statement, on both databases."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery


def take_first(rows: QuerySet, count: int, **changes: Any) -> list[Any]:
    """Write the changes to the first `count` rows that nobody else is taking; return their keys.

    PostgreSQL passes over rows that another transaction holds (reliability.md M1); SQLite has one writer at a
    time. To be called inside a transaction.
    """
    update = rows.model._default_manager.all().query.chain(UpdateQuery)
    update.add_update_values(changes)
    change, change_values = update.get_compiler(connection=connection).as_sql()
    table, key = (connection.ops.quote_name(name) for name in (rows.model._meta.db_table, rows.model._meta.pk.column))
    if connection.vendor == "postgresql":
        chosen, values = _sql(rows.select_for_update(skip_locked=True), count)
        statement = (  # without MATERIALIZED the planner may take more than LIMIT
            f"WITH chosen(key) AS MATERIALIZED ({chosen}) {change} FROM chosen "
            f"WHERE {table}.{key} = chosen.key RETURNING {table}.{key}"
        )
        values = (*values, *change_values)
    else:
        chosen, values = _sql(rows, count)
        statement = f"{change} WHERE {key} IN ({chosen}) RETURNING {key}"
        values = (*change_values, *values)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [key for (key,) in cursor.fetchall()]


def _sql(rows: QuerySet, count: int) -> tuple[str, tuple[Any, ...]]:
    return rows.values("pk")[:count].query.sql_with_params()
