"""Statements that PostgreSQL plans a few times and then no more, where planning takes longer than running."""

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

    PostgreSQL plans the first five with their values and keeps a plan without them only if it is as cheap, so numbers
    that decide on the plan, like LIMIT, are to be written into the statement.
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
