"""Emptying the database down to the last table; for `resetdb` and `restore`."""

from django.db import connection, transaction


def table_names() -> list[str]:
    """Return every table, ours or not."""
    return sorted(connection.introspection.table_names())


def drop_tables() -> list[str]:
    """Drop every table, all or none, and return their names."""
    tables = table_names()
    also = " CASCADE" if connection.vendor == "postgresql" else ""
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)}{also}")
    return tables
