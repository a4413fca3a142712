"""Vectors in a column: pgvector on PostgreSQL, packed floats and a function of ours on SQLite."""

import math
from typing import Any

import msgspec
import numpy as np
from django.db.backends.signals import connection_created
from pgvector.django import HnswIndex, VectorField

from hopper.common.db.indexes import PostgresOnly

DIMENSIONS = 1536


class Vector(VectorField):
    """`vector(n)` on PostgreSQL, little-endian 32-bit floats elsewhere; a list of floats in Python."""

    def db_type(self, connection: Any) -> str:
        return super().db_type(connection) if connection.vendor == "postgresql" else "blob"

    def get_prep_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else write(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.vendor == "postgresql" or value is None:
            return super().get_db_prep_value(value, connection, prepared)
        return pack(_read(value) if isinstance(value, str) else value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if isinstance(value, bytes):
            return np.frombuffer(value, "<f4").tolist()
        return _read(value) if isinstance(value, str) else value


class VectorIndex(PostgresOnly, HnswIndex):
    """An HNSW index: serves `ORDER BY distance LIMIT k`; SQLite compares with every row."""


def write(values: Any) -> str:
    """Return the vector as text, 20 times as fast as pgvector's own."""
    return msgspec.json.encode(np.asarray(values, np.float32).tolist()).decode()


def _read(text: str) -> list[float]:
    return msgspec.json.decode(text, type=list[float])


def pack(values: Any) -> bytes:
    """Return the vector as SQLite keeps it."""
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
