from contextlib import contextmanager

import pytest
from django.db import connection


@pytest.fixture
def once_after():
    """Do something once, right after the first statement that has a text: `with once_after(sql, then): …`."""

    @contextmanager
    def interrupt(sql, then):
        pending = [then]

        def watch(execute, statement, params, many, context):
            result = execute(statement, params, many, context)
            if sql in statement and pending:
                pending.pop()()
            return result

        with connection.execute_wrapper(watch):
            yield

    return interrupt
