"""Writing new rows in one statement that is quick to build: for what every operation writes beside its own row."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, connections
from django.db.models import Model

from hopper.common.db.prepared import prepared


class Computed(NamedTuple):
    """A value that the database computes as it writes: SQL, and which columns' values its `%s` are."""

    sql: str
    of: tuple[str, ...]


class _Shape(NamedTuple):
    """What the statement for rows of a model is, however they read."""

    fields: list[Any]
    names: list[str]  # whose values a row gives, in the order of the places
    told: list[str]  # attributes that the database answers
    into: str
    places: str
    returning: str


def insert_rows(rows: Sequence[Model], *, beside: Sequence[Model] = (), **computed: Computed) -> None:
    """Write new rows of one table, and let them know the keys that the database gave them and what it computed.

    `beside` are rows of another table, which PostgreSQL writes in the same statement; they learn no keys.
    """
    shape = _shape(type(rows[0]), tuple(computed.items()))
    sql, values = f"{_insertion(shape, rows)} {shape.returning}", _values(shape, rows)
    with prepared() if len(rows) == 1 else nullcontext(), connection.cursor() as cursor:
        if beside:
            other = _shape(type(beside[0]), ())
            first, its_values = _insertion(other, beside), _values(other, beside)
            if connection.vendor == "postgresql":
                sql, values = f"WITH beside AS ({first}) {sql}", its_values + values
            else:
                cursor.execute(first, its_values)
        cursor.execute(sql, values)
        for row, answer in zip(rows, cursor.fetchall(), strict=True):
            _tell(row, shape.told, answer)


def _insertion(shape: _Shape, rows: Sequence[Model]) -> str:
    return f"{shape.into} VALUES {', '.join([shape.places] * len(rows))}"


def _values(shape: _Shape, rows: Sequence[Model]) -> list[Any]:
    database = connections[connection.alias]  # the connection itself: its proxy looks it up for every column
    values: list[Any] = []
    for row in rows:
        known = {field.name: field.get_db_prep_save(getattr(row, field.attname), database) for field in shape.fields}
        values += [known[name] for name in shape.names]
    return values


@cache
def _shape(model: Any, computed: tuple[tuple[str, Computed], ...]) -> _Shape:
    meta, values = model._meta, dict(computed)
    fields = [field for field in meta.concrete_fields if field is not meta.pk]
    written = [values.get(field.name) or Computed("%s", (field.name,)) for field in fields]
    told = [meta.pk, *(field for field in fields if field.name in values)]
    return _Shape(
        fields=fields,
        names=[name for column in written for name in column.of],
        told=[field.attname for field in told],
        into=f"INSERT INTO {connection.ops.quote_name(meta.db_table)} ({_quoted(fields)})",
        places=f"({', '.join(column.sql for column in written)})",
        returning=f"RETURNING {_quoted(told)}",
    )


def _quoted(fields: Sequence[Any]) -> str:
    return ", ".join(connection.ops.quote_name(field.column) for field in fields)


def _tell(row: Model, names: Sequence[str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(row, name, value)
    row._state.adding, row._state.db = False, connection.alias
