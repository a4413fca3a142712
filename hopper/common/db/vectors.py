"""Vectors in a column: pgvector on PostgreSQL, packed floats and a function of ours on SQLite."""

import json
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.backends.signals import connection_created
from numpy.typing import NDArray
from pgvector.django import CosineDistance, HnswIndex, VectorField

from hopper.common.db.indexes import PostgresOnly

DIMENSIONS = 1536


class Vector(VectorField):
    """`vector(n)` on PostgreSQL, little-endian 32-bit floats elsewhere; a list of floats in Python."""

    def db_type(self, connection: Any) -> str:
        return super().db_type(connection) if connection.vendor == "postgresql" else "blob"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.vendor == "postgresql" or value is None:
            return super().get_db_prep_value(value, connection, prepared)
        return _pack(json.loads(value) if isinstance(value, str) else value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if isinstance(value, bytes):
            return np.frombuffer(value, "<f4").tolist()
        return super().from_db_value(value, expression, connection)


class Distance(CosineDistance):
    """Cosine distance, 0 to 2, between a column and a vector."""

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, function="hopper_cosine_distance", arg_joiner=", ", **extra)


class VectorIndex(PostgresOnly, HnswIndex):
    """An HNSW index: serves `ORDER BY distance LIMIT k`; SQLite compares with every row."""


def _pack(values: Any) -> bytes:
    return np.asarray(values, "<f4").tobytes()


@lru_cache(maxsize=64)
def _asked(text: str) -> NDArray[np.float32]:
    vector = np.asarray(json.loads(text), np.float32)
    return vector / (np.linalg.norm(vector) or 1.0)


def _cosine_distance(packed: bytes | None, text: str | None) -> float | None:
    if packed is None or text is None:
        return None
    vector = np.frombuffer(packed, "<f4")
    length = float(np.linalg.norm(vector))
    return 1.0 - float(vector @ _asked(text)) / length if length else None


def teach_sqlite(connection: Any, **signal: Any) -> None:
    """Give every new SQLite connection the distance that PostgreSQL has from pgvector."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("hopper_cosine_distance", 2, _cosine_distance, deterministic=True)


connection_created.connect(teach_sqlite, dispatch_uid="hopper_cosine_distance")
