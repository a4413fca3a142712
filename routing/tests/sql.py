"""Rows by plain SQL: the table itself has to refuse what is wrong."""

import json

import pytest
from django.db import IntegrityError, connection, transaction


def insert(table, **columns):
    """Insert one row; what is left out has to come from the table's own defaults."""
    quote = connection.ops.quote_name
    names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    values = [json.dumps(value) if isinstance(value, dict | list) else value for value in columns.values()]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})", values)


def refuses(constraint, table, **columns):
    """Assert that the table refuses the row by that constraint."""
    with pytest.raises(IntegrityError) as caught:
        insert(table, **columns)
    assert constraint in str(caught.value)


def unique(name, column):
    """Return what names a unique constraint: itself on PostgreSQL, its last column on SQLite."""
    return column if connection.vendor == "sqlite" else name
