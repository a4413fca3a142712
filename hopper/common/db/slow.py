"""Slow statements, logged with where they were asked and how the database answers them (docs/slow-queries.md)."""

import logging
import re
import sys
import time
from collections.abc import Callable, Sized
from contextlib import closing, nullcontext
from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus

log = logging.getLogger("hopper.slow")

LITERAL = re.compile(r"'(?:[^']|'')*'")  # what stands in a plan may be what stands in a task
QUERY = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
LONGEST_SQL = 2000  # characters
MOST_PARAMETERS = 20
MOST_PLANNED = 500  # statements that are remembered
PLAN_EVERY = 60.0  # seconds, for the same statement
UNSPOILT = (TransactionStatus.IDLE, TransactionStatus.INTRANS)


def watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Execute, and log what took `SLOW_QUERY_MS` or more; 0 logs nothing."""
    begun = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        milliseconds = (time.perf_counter() - begun) * 1000
        if 0 < settings.SLOW_QUERY_MS <= milliseconds:
            _report(milliseconds, str(sql), params, many, context["connection"])


def watch_connection(connection: Any, **signal: Any) -> None:
    """Watch a connection that is new, or that the pool hands out again.

    It goes below all others: a block that opened the connection ends by taking the uppermost for its own.
    """
    if watch not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, watch)


connection_created.connect(watch_connection, dispatch_uid="hopper.slow")


def _report(milliseconds: float, sql: str, params: Any, many: bool, connection: Any) -> None:
    has_plan = QUERY.match(sql) and not many and _is_turn_of(sql)
    plan = "".join(f"\n  {line}" for line in _plan(sql, params, connection)) if has_plan else ""
    kinds = "many rows" if many else _kinds(params)
    log.warning("%.0f ms at %s: %s [%s]%s", milliseconds, _asked_at(), sql[:LONGEST_SQL], kinds, plan)


def _asked_at() -> str:
    """Return file and line of the innermost code of ours on the stack."""
    home, frame = f"{settings.BASE_DIR}/", sys._getframe(2)
    while frame.f_back:
        file = frame.f_code.co_filename
        if file.startswith(home) and file != __file__ and "site-packages" not in file:
            return f"{file.removeprefix(home)}:{frame.f_lineno}"
        frame = frame.f_back
    return "code of others"


def _kinds(params: Any) -> str:
    """Return what the parameters are without saying them: they may be the text of a task."""
    values = list(params.values() if isinstance(params, dict) else params or ())
    kinds = [f"{type(value).__name__} {len(value)}" if isinstance(value, Sized) else type(value).__name__
             for value in values[:MOST_PARAMETERS]]  # fmt: skip
    more = [f"{len(values) - MOST_PARAMETERS} more"] if len(values) > MOST_PARAMETERS else []
    return ", ".join(kinds + more) or "no parameters"


_planned: dict[int, float] = {}


def _is_turn_of(sql: str) -> bool:
    """Tell whether the statement's plan was not asked for lately, and remember that it now is."""
    now = time.monotonic()
    if now - _planned.get(hash(sql), -PLAN_EVERY) < PLAN_EVERY:
        return False
    if len(_planned) >= MOST_PLANNED:
        _planned.clear()
    _planned[hash(sql)] = now
    return True


def _plan(sql: str, params: Any, connection: Any) -> list[str]:
    """Return how the database answers the statement, which is not executed.

    It is asked on a bare cursor, which nobody counts or watches, and on PostgreSQL under a savepoint, so that a
    refusal spoils nothing.
    """
    is_postgres, bare = connection.vendor == "postgresql", connection.connection
    if connection.needs_rollback or (is_postgres and bare.info.transaction_status not in UNSPOILT):
        return ["no plan: the transaction has failed"]
    explain, column = ("EXPLAIN", 0) if is_postgres else ("EXPLAIN QUERY PLAN", 3)
    try:
        with bare.transaction() if is_postgres else nullcontext(), closing(connection.create_cursor()) as cursor:
            cursor.execute(f"{explain} {sql}", params)
            return [LITERAL.sub("'…'", row[column]) for row in cursor.fetchall()]
    except connection.Database.Error as error:
        return [f"no plan: {type(error).__name__}"]  # what it says may quote a value
