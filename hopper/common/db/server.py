"""How the server of the database is set up; for `doctor`."""

from dataclasses import dataclass

from django.db import connection

SETTINGS = ("server_encoding", "synchronous_commit", "max_connections", "lock_timeout")


@dataclass(frozen=True)
class Extension:
    """An extension that Hopper needs; `version` is None while it is not installed."""

    name: str
    version: str | None
    is_available: bool
    may_create: bool


def needed_extensions() -> list[Extension]:
    """Return the extensions that Hopper needs of this kind of database."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'), count(*) > 0, "
            "rolsuper OR (coalesce(bool_or(trusted), false) "
            "AND has_database_privilege(current_database(), 'CREATE')) "
            "FROM pg_roles LEFT JOIN pg_available_extension_versions ON name = 'vector' "
            "WHERE rolname = current_user GROUP BY rolsuper"
        )
        return [Extension("vector", *cursor.fetchone())]


def server_settings() -> dict[str, str]:
    """Return what matters to Hopper of how this server is set up, as this connection sees it."""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("PRAGMA journal_mode")
            return {"journal_mode": cursor.fetchone()[0]}
        cursor.execute(f"SELECT {', '.join(f'current_setting({name!r})' for name in SETTINGS)}")
        return dict(zip(SETTINGS, cursor.fetchone(), strict=True))
