"""Statements that PostgreSQL plans once a connection, where planning takes longer than running."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


class PreparingCursor(ServerBindingCursor):
    """A cursor whose values stay beside the statement, which PostgreSQL so knows again."""

    def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        """Execute, prepared unless the connection prepares nothing."""
        return super().execute(query, params, **(how | {"prepare": True}))  # type: ignore[misc]


@contextmanager
def prepared() -> Iterator[None]:
    """Prepare the statements of the block on this connection; nothing else of Hopper is prepared.

    The plan is made without the values (`plan_cache_mode`), so what decides on it, like LIMIT, is to be written into
    the statement, and one that is narrowed by what may be rare, like a tag, is not to be prepared.
    """
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    driver: Any = connection.connection
    usual, driver.cursor_factory = driver.cursor_factory, PreparingCursor
    try:
        yield
    finally:
        driver.cursor_factory = usual
