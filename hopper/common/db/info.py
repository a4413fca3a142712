"""What the database says of itself: kind, tables, sizes; for `dbinfo`, `dbstats`, `vacuum` and `doctor`."""

import json
import re
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from hopper.common.db import embedded

KINDS = {"sqlite": "sqlite", "postgresql": "postgresql"}


def database_kind() -> str:
    """Return `sqlite` or `postgresql`."""
    return KINDS.get(connection.vendor, connection.vendor)


def public_url() -> str:
    """Return the database URL with its password hidden, even one that holds an unquoted @ or stands in the query."""
    if settings.DATABASE_URL == embedded.WORD:
        return "embedded PostgreSQL in var/postgres"
    url = re.sub(r"(?<=://)([^:@/]*):.*@", r"\1:***@", settings.DATABASE_URL)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", url)


def server_version() -> str:
    """Return the version of the database library or server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return str(cursor.fetchone()[0])


def row_counts() -> dict[str, int]:
    """Return the exact number of rows of every table."""
    with connection.cursor() as cursor:
        tables = sorted(info.name for info in connection.introspection.get_table_list(cursor) if info.type == "t")
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - introspected
            counts[table] = cursor.fetchone()[0]
    return counts


def describe_tables() -> dict[str, dict[str, Any]]:
    """Return `{table: {"columns": [{name, type, null}], "indexes": [{name, columns, unique}]}}` as it really is."""
    with connection.cursor() as cursor:
        tables = sorted(info.name for info in connection.introspection.get_table_list(cursor) if info.type == "t")
        return {table: {"columns": _columns(cursor, table), "indexes": _indexes(cursor, table)} for table in tables}


def _columns(cursor: Any, table: str) -> list[dict[str, Any]]:
    if connection.vendor == "postgresql":
        cursor.execute(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull FROM pg_attribute a "
            "WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [connection.ops.quote_name(table)],
        )
        return [{"name": name, "type": kind, "null": null} for name, kind, null in cursor.fetchall()]
    cursor.execute(f"PRAGMA table_xinfo({connection.ops.quote_name(table)})")
    return [{"name": row[1], "type": row[2], "null": not (row[3] or row[5])} for row in cursor.fetchall()]


def _indexes(cursor: Any, table: str) -> list[dict[str, Any]]:
    found = connection.introspection.get_constraints(cursor, table)
    return [
        {
            "name": name,
            "columns": [column or "expression" for column in entry["columns"] or []],
            "unique": entry["unique"] or entry["primary_key"],
        }
        for name, entry in sorted(found.items())
        if entry["index"] or entry["unique"] or entry["primary_key"]
    ]


def vacuum() -> None:
    """Give freed space back: VACUUM on SQLite, VACUUM ANALYZE on PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM" if connection.vendor == "sqlite" else "VACUUM (ANALYZE)")


def estimate_rows(queryset: QuerySet) -> int:
    """Return about how many rows the query has: the planner's guess on PostgreSQL, a count on SQLite."""
    if connection.vendor != "postgresql":
        return queryset.count()
    plan = json.loads(queryset.order_by().explain(format="json") or "[]")
    return int(plan[0]["Plan"]["Plan Rows"]) if plan else 0  # no plan: no row can match, so nothing was asked
