from contextlib import contextmanager

import pytest
from django.db import connection

from routing.tests.advisers import configured_llm
from routing.tests.openai_stub import OpenAIStub, serving


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


@pytest.fixture
def stub():
    """A server on this machine that speaks OpenAI's protocol."""
    with serving(OpenAIStub()) as served:
        yield served


@pytest.fixture
def llm(settings, stub):
    """The language model before the stub, asked about what Hopper cannot decide."""
    return configured_llm(settings, stub)
