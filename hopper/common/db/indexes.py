"""What only PostgreSQL can build; elsewhere it is state without a statement."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db.backends.ddl_references import Statement
from pgvector.django import VectorExtension


class PostgresOnly:
    """An index that other databases record in the migration state and do not create."""

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        if schema_editor.connection.vendor != "postgresql":
            return Statement("SELECT 1")
        return super().create_sql(model, schema_editor, using=using, **kwargs)  # type: ignore[misc]

    def remove_sql(self, model: Any, schema_editor: Any, **kwargs: Any) -> Any:
        if schema_editor.connection.vendor != "postgresql":
            return Statement("SELECT 1")
        return super().remove_sql(model, schema_editor, **kwargs)  # type: ignore[misc]


class Gin(PostgresOnly, GinIndex):
    """A GIN index: serves `has_key` and `has_keys` on JSON columns."""


class Vectors(VectorExtension):
    """pgvector, on PostgreSQL; the library's own operation fails on the way back elsewhere."""

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
