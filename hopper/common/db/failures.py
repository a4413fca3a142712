"""Which failures of the database pass, and what to tell who asked."""

import sqlite3

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from hopper.common.errors import HopperError

# SQLSTATE or its class; the rest are faults of the statement, which would fail again.
NEEDED_TOO_LONG = {"57014"}
IN_THE_WAY = {"55P03", "40001", "40P01"}
AWAY = {"08", "53", "57", "58", "25P03"}
SQLITE_IN_THE_WAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
SQLITE_AWAY = {
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM,
}  # fmt: skip


class DatabaseTooSlow(HopperError):
    """The database needed longer than a request may take: ask for less, with a filter or a smaller page."""

    code = "database_too_slow"
    status = 503
    retry_after = 10


class DatabaseBusy(HopperError):
    """Another change was in the way for too long: try again."""

    code = "database_busy"
    status = 503
    retry_after = 1


class DatabaseAway(HopperError):
    """The database does not answer, or all connections to it are in use: try again in a moment."""

    code = "database_away"
    status = 503
    retry_after = 5


def passing_failure(error: Exception) -> HopperError | None:
    """Return what to answer with, or None if it is no failure of the database that passes by itself."""
    if not isinstance(error, DatabaseError):
        return None
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    state = getattr(cause, "sqlstate", "") or ""
    if state in NEEDED_TOO_LONG:
        return DatabaseTooSlow()
    if state in IN_THE_WAY:
        return DatabaseBusy()
    gave_up = not state and isinstance(error, OperationalError | InterfaceError)  # the driver: no connection, or lost
    return DatabaseAway() if gave_up or {state, state[:2]} & AWAY else None


def _of_sqlite(cause: sqlite3.Error) -> HopperError | None:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the details in the higher bits
    if code in SQLITE_IN_THE_WAY:
        return DatabaseBusy()
    return DatabaseAway() if code in SQLITE_AWAY else None
