"""Writing new rows in one statement that is quick to build: for what every operation writes beside its own row."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from django.db import connection, connections
from django.db.models import Model

from hopper.common.db.prepared import prepared


class Computed(NamedTuple):
    """A value that the database computes as it writes: SQL, and which columns' values its `%s` are."""

    sql: str
    of: Sequence[str]


def insert_rows(rows: Sequence[Model], **computed: Computed) -> None:
    """Write new rows of one table, and let them know the keys that the database gave them and what it computed."""
    meta = rows[0]._meta
    fields: list[Any] = [field for field in meta.concrete_fields if field is not meta.pk]
    written = [computed.get(field.name) or Computed("%s", [field.name]) for field in fields]
    values: list[Any] = []
    database = connections[connection.alias]  # the connection itself: its proxy looks it up for every column
    for row in rows:
        known = {field.name: field.get_db_prep_save(getattr(row, field.attname), database) for field in fields}
        values += [known[name] for column in written for name in column.of]
    places = ", ".join([f"({', '.join(column.sql for column in written)})"] * len(rows))
    told: list[Any] = [meta.pk, *(field for field in fields if field.name in computed)]
    with prepared() if len(rows) == 1 else nullcontext(), connection.cursor() as cursor:
        table, quoted = connection.ops.quote_name(meta.db_table), _quoted(fields)
        cursor.execute(f"INSERT INTO {table} ({quoted}) VALUES {places} RETURNING {_quoted(told)}", values)  # noqa: S608
        for row, answer in zip(rows, cursor.fetchall(), strict=True):
            _tell(row, told, answer)


def _quoted(fields: Sequence[Any]) -> str:
    return ", ".join(connection.ops.quote_name(field.column) for field in fields)


def _tell(row: Model, fields: Sequence[Any], values: Sequence[Any]) -> None:
    for field, value in zip(fields, values, strict=True):
        setattr(row, field.attname, value)
    row._state.adding, row._state.db = False, connection.alias
