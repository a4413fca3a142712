"""One row by plain SQL, where building the query would take longer than asking it."""

from typing import Any

from django.db import connection


def read_row(sql: str, *params: Any) -> tuple[Any, ...]:
    """Return the one row that the statement answers with, its values as the driver gives them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return tuple(cursor.fetchone())


def read_side_by_side(*questions: str) -> tuple[Any, ...]:
    """Ask every question, each a SELECT of one row, and return their columns in one row."""
    answers = ", ".join(f"({question}) AS answer_{number}" for number, question in enumerate(questions))
    return read_row(f"SELECT * FROM {answers}")  # noqa: S608 - the questions are constants of ours
