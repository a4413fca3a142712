"""Taking the first of many rows that others want too: one statement, on both databases."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import Query

from hopper.common.db.prepared import prepared

Question = tuple[str, tuple[Any, ...]]  # which rows: SQL and its values


def first_of(rows: QuerySet, count: int) -> Question:
    """Return the question for the keys of the first `count` rows; PostgreSQL passes over what others are taking."""
    if connection.vendor == "postgresql":
        rows = rows.select_for_update(skip_locked=True)
    return rows.values("pk")[:count].query.sql_with_params()


def kept_first_of(rows_for: Callable[..., QuerySet], count: int, *words: str | None) -> Question:
    """Return `first_of` the rows for these words, built once for all words: those are values in it and nothing else.

    SQLite is told the hour as a value, so there it is built each time.
    """
    if connection.vendor != "postgresql":
        return first_of(rows_for(*words), count)
    sql, values = _kept(rows_for, count, tuple(word is not None for word in words))
    known = dict(zip(map(_stand_in, range(len(words))), words, strict=True))
    return sql, tuple(known.get(value, value) if isinstance(value, str) else value for value in values)


@cache
def _kept(rows_for: Callable[..., QuerySet], count: int, given: tuple[bool, ...]) -> Question:
    words = (_stand_in(place) if is_given else None for place, is_given in enumerate(given))
    return first_of(rows_for(*words), count)


def _stand_in(place: int) -> str:
    return f"\x00{place}"  # PostgreSQL takes no NUL, so no word is like it


def take_first(
    model: Any, question: Question, *, change: str, values: Sequence[Any], told: dict[str, str], is_usual: bool = False
) -> list[Any]:
    """Write the change to the rows of the question that nobody else is taking; return them, in no order.

    `change` is what stands behind SET, and `told` SQL about each row as it then stands, by the name that the row
    knows the answer by. PostgreSQL passes over rows that another transaction holds (reliability.md M1); SQLite has
    one writer at a time. What is usual is planned once a connection. To be called inside a transaction.
    """
    table, key = (connection.ops.quote_name(name) for name in (model._meta.db_table, model._meta.pk.column))
    answer, (chosen, asked) = ", ".join((_columns(model), *told.values())), question
    if connection.vendor == "postgresql":
        # without MATERIALIZED the planner may take more than LIMIT
        statement = f"""WITH chosen(key) AS MATERIALIZED ({chosen})
            UPDATE {table} SET {change} FROM chosen WHERE {table}.{key} = chosen.key RETURNING {answer}"""  # noqa: S608
        given = (*asked, *values)
    else:
        statement = f"UPDATE {table} SET {change} WHERE {key} IN ({chosen}) RETURNING {answer}"  # noqa: S608
        given = (*values, *asked)
    with prepared() if is_usual else nullcontext(), connection.cursor() as cursor:
        cursor.execute(statement, given)
        return list(_rows(model, tuple(told), cursor.fetchall()))


def _rows(model: Any, told: Sequence[str], found: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """Yield the rows, made of what the driver gives as Django makes them."""
    query, names, converters = _reading(model, connection.vendor)
    for values in query.get_compiler(connection.alias).apply_converters(found, converters):
        row = model.from_db(connection.alias, names, values[: len(names)])
        for name, value in zip(told, values[len(names) :], strict=True):
            setattr(row, name, value)
        yield row


@cache
def _reading(model: Any, vendor: str) -> tuple[Query, list[str], dict[int, Any]]:
    """Return a query of all columns, their names, and how their values are read; found out once, as it takes long."""
    fields, query = model._meta.concrete_fields, QuerySet(model).query
    converters = query.get_compiler(connection.alias).get_converters([field.cached_col for field in fields])
    return query, [field.attname for field in fields], converters


@cache
def _columns(model: Any) -> str:
    quoted = connection.ops.quote_name
    return ", ".join(f"{quoted(model._meta.db_table)}.{quoted(field.column)}" for field in model._meta.concrete_fields)
