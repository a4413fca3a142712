"""Taking the first of many rows that others want too: one statement, on both databases."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from hopper.common.db.prepared import prepared


def take_first(
    rows: QuerySet, count: int, *, change: str, values: Sequence[Any], told: dict[str, str], is_usual: bool = False
) -> list[Any]:
    """Write the change to the first `count` rows that nobody else is taking; return them, in no order.

    `change` is what stands behind SET, and `told` SQL about each row as it then stands, by the name that the row
    knows the answer by. PostgreSQL passes over rows that another transaction holds (reliability.md M1); SQLite has
    one writer at a time. What is usual is planned once a connection. To be called inside a transaction.
    """
    model: Any = rows.model
    table, key = (connection.ops.quote_name(name) for name in (model._meta.db_table, model._meta.pk.column))
    answer = ", ".join((_columns(model), *told.values()))
    if connection.vendor == "postgresql":
        chosen, asked = _sql(rows.select_for_update(skip_locked=True), count)
        # without MATERIALIZED the planner may take more than LIMIT
        statement = f"""WITH chosen(key) AS MATERIALIZED ({chosen})
            UPDATE {table} SET {change} FROM chosen WHERE {table}.{key} = chosen.key RETURNING {answer}"""  # noqa: S608
        given = (*asked, *values)
    else:
        chosen, asked = _sql(rows, count)
        statement = f"UPDATE {table} SET {change} WHERE {key} IN ({chosen}) RETURNING {answer}"  # noqa: S608
        given = (*values, *asked)
    with prepared() if is_usual else nullcontext(), connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(_rows(model, tuple(told), cursor.fetchall()))


def _sql(rows: QuerySet, count: int) -> tuple[str, tuple[Any, ...]]:
    return rows.values("pk")[:count].query.sql_with_params()


def _rows(model: Any, told: Sequence[str], found: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """Yield the rows, made of what the driver gives as Django makes them."""
    fields, names = model._meta.concrete_fields, [field.attname for field in model._meta.concrete_fields]
    compiler = QuerySet(model).query.get_compiler(connection.alias)
    converters = compiler.get_converters([field.cached_col for field in fields])
    for values in compiler.apply_converters(found, converters):
        row = model.from_db(connection.alias, names, values[: len(names)])
        for name, value in zip(told, values[len(names) :], strict=True):
            setattr(row, name, value)
        yield row


@cache
def _columns(model: Any) -> str:
    quoted = connection.ops.quote_name
    return ", ".join(f"{quoted(model._meta.db_table)}.{quoted(field.column)}" for field in model._meta.concrete_fields)
