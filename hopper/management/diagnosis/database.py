"""The database: does it answer, is it new enough, is it set up as Hopper needs it."""

from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from hopper.common.db.info import database_kind, public_url, server_version
from hopper.common.db.options import ROLES, TIMEOUTS
from hopper.common.db.server import Extension, needed_extensions, server_settings
from hopper.management.diagnosis.finding import Finding

OLDEST = {"postgresql": (16,), "sqlite": (3, 35)}
OLDEST_PGVECTOR = (0, 8)  # has hnsw.iterative_scan, without which a filter leaves too few neighbours
WEB_PROCESSES = 2  # `manage.py serve`
SPARE = 20  # connections for workers, relay and commands

# of each setting: how to tell that it is well, the state if not, what to do
WANTED: dict[str, tuple[Callable[[str], bool], str, str]] = {
    "server_encoding": (
        lambda value: value == "UTF8", "problem",
        "Restore a backup into a new database: CREATE DATABASE hopper ENCODING 'UTF8' TEMPLATE template0",
    ),
    "synchronous_commit": (
        lambda value: value != "off", "warning",
        "ALTER SYSTEM SET synchronous_commit = on, and reload: a crash loses changes that were answered.",
    ),
    "journal_mode": (
        lambda value: value in ("wal", "memory"), "warning",
        "Keep the file on a local disk: SQLite cannot use its write-ahead log there, so readers wait for writers.",
    ),
}  # fmt: skip


def look_at_database() -> Finding:
    """Tell which database it is, and whether it answers and is new enough."""
    try:
        detail = f"{database_kind()} {server_version()} at {public_url()}"
    except DatabaseError as error:
        detail = f"{public_url()} does not answer: {str(error).strip().splitlines()[0]}"
        return Finding("database", "problem", detail, "Start the database server, or correct DATABASE_URL.")
    return Finding("database", "ok", detail)


def look_into_database() -> Iterator[Finding]:
    """Look at what is in a database that answers."""
    yield from _age()
    yield from map(_extension, needed_extensions())
    yield from _settings()
    yield _migrations()


def _age() -> Iterator[Finding]:
    oldest = OLDEST[database_kind()]
    if connection.get_database_version() < oldest:
        wanted = ".".join(map(str, oldest))
        yield Finding("database version", "warning", f"{server_version()} is old", f"Upgrade to {wanted} or newer.")


def _extension(extension: Extension) -> Finding:
    name, version = f"extension {extension.name}", extension.version
    if version and tuple(map(int, version.split(".")[:2])) < OLDEST_PGVECTOR:
        fix = f"Install pgvector 0.8 or newer on the server, then: ALTER EXTENSION {extension.name} UPDATE"
        return Finding(name, "problem", f"{version} is too old", fix)
    if version:
        return Finding(name, "ok", version)
    if not extension.is_available:
        return Finding(name, "problem", "is not there", "Install pgvector 0.8 or newer on the server of the database.")
    who = "python manage.py migrate, or" if extension.may_create else "As a superuser of the database"
    return Finding(name, "problem", "is not installed", f"{who}: CREATE EXTENSION {extension.name}")


def _settings() -> Iterator[Finding]:
    found = server_settings()
    for name, (is_well, state, fix) in WANTED.items():
        if name in found and not is_well(found[name]):
            yield Finding(name, state, f"is {found[name]}", fix)
    if "max_connections" in found:
        yield _connections(int(found["max_connections"]))
        yield _limits(found["lock_timeout"])


def _connections(most: int) -> Finding:
    pool = settings.POOL_SIZE + settings.POOL_OVERFLOW
    needed = WEB_PROCESSES * pool + SPARE
    detail = f"{most}; {WEB_PROCESSES} web processes take up to {WEB_PROCESSES * pool}, each further one {pool}"
    fix = f"Lower DB_POOL_MAX_OVERFLOW, or ALTER SYSTEM SET max_connections = {needed}, and restart the server."
    return Finding("max_connections", "ok" if most >= needed else "warning", detail, fix)


def _limits(lock_timeout: str) -> Finding:
    limits = ", ".join(f"{role} {TIMEOUTS[role].get('statement_timeout', 'none')}" for role in ROLES)
    if lock_timeout != "0":
        return Finding("limits", "ok", f"a statement: {limits}; a lock: {lock_timeout}")
    fix = "Let the connection pooler pass on the startup parameter `options`."
    return Finding("limits", "warning", "statements and locks have none: our settings do not arrive", fix)


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    waiting = [str(step) for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if not waiting:
        return Finding("migrations", "ok", "all applied")
    detail = f"{len(waiting)} not applied, first {waiting[0]}"
    return Finding("migrations", "problem", detail, "python manage.py migrate")
