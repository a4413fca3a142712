"""Vectors in a column: pgvector on PostgreSQL, packed floats and a function of ours on SQLite."""

import math
from typing import Any

import msgspec
import numpy as np
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models import QuerySet, Value
from pgvector.django import CosineDistance, HnswIndex, VectorField

from hopper.common.db.indexes import PostgresOnly

DIMENSIONS = 1536
FEW = 12_000  # up to here rows are compared one by one: ADR 0014 has the measurement
MARGIN = 4  # times as many are asked of the index as are wanted: it finds them out of order, so the best come late


class Vector(VectorField):
    """`vector(n)` on PostgreSQL, little-endian 32-bit floats elsewhere; a list of floats in Python."""

    def db_type(self, connection: Any) -> str:
        return super().db_type(connection) if connection.vendor == "postgresql" else "blob"

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else _write(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.vendor == "postgresql" or value is None:
            return super().get_db_prep_value(value, connection, prepared)
        return _pack(_read(value) if isinstance(value, str) else value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if isinstance(value, bytes):
            return np.frombuffer(value, "<f4").tolist()
        return _read(value) if isinstance(value, str) else value


class Distance(CosineDistance):
    """Cosine distance, 0 to 2, between a column and a vector."""

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Hand the vector over packed: as text it would be copied for every row, which takes five times as long."""
        column, asked = self.get_source_expressions()
        packed = self.copy()
        packed.set_source_expressions([column, Value(_pack(_read(asked.value)))])
        function = {"function": "hopper_cosine_distance", "arg_joiner": ", "}
        return super(Distance, packed).as_sql(compiler, connection, **function, **extra)


class VectorIndex(PostgresOnly, HnswIndex):
    """An HNSW index: serves `ORDER BY distance LIMIT k`; SQLite compares with every row."""


def nearest_rows(known: QuerySet, column: str, vector: Any, *, count: int, among: QuerySet) -> list[Any]:
    """Return the `count` nearest of the known rows, each with its `distance`, nearest first, then by key.

    `among` are the same rows before their vectors were asked for: counting them needs no join. A few are compared
    one by one, and so are all if the index gives up before it has found enough: it looks at 40,000 vectors and
    no more, whether or not the rows that are wanted lie that near.
    """
    distance = Distance(column, Value(_write(vector)))
    if connections[known.db].vendor == "postgresql":
        is_filtered, few = among.query.has_filters(), among.order_by().values("pk")[: FEW + 1]
        if is_filtered and few.count() <= FEW:
            known = known.filter(pk__in=few)  # the planner knows now how few they are
        elif found := _found_by_index(known, distance, count * MARGIN if is_filtered else count):
            return found[:count]
    return list(known.annotate(distance=distance + Value(0.0)).order_by("distance", "pk")[:count])


def _found_by_index(known: QuerySet, distance: Distance, count: int) -> list[Any]:
    """Return that many rows, or none if the index finds fewer; a second key of the order would rule the index out."""
    found = list(known.annotate(distance=distance).order_by("distance")[:count])
    return sorted(found, key=lambda row: (row.distance, row.pk)) if len(found) == count else []


def _write(values: Any) -> str:
    """Return the vector as text, 20 times as fast as pgvector's own."""
    return msgspec.json.encode(np.asarray(values, np.float32).tolist()).decode()


def _read(text: str) -> list[float]:
    return msgspec.json.decode(text, type=list[float])


def _pack(values: Any) -> bytes:
    return np.asarray(values, "<f4").tobytes()


def _cosine_distance(packed: bytes | None, asked: bytes) -> float | None:
    if packed is None:
        return None
    one, other = np.frombuffer(packed, "<f4"), np.frombuffer(asked, "<f4")
    lengths = math.sqrt(one.dot(one) * other.dot(other))
    return 1.0 - float(one.dot(other)) / lengths if lengths else None


def teach_sqlite(connection: Any, **signal: Any) -> None:
    """Give every new SQLite connection the distance that PostgreSQL has from pgvector."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("hopper_cosine_distance", 2, _cosine_distance, deterministic=True)


connection_created.connect(teach_sqlite, dispatch_uid="hopper_cosine_distance")
