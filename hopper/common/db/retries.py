"""Transactions that the database may end because two of them waited for each other."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

Given = ParamSpec("Given")
Result = TypeVar("Result")

TRIES = 4
WAITED_FOR_EACH_OTHER = {"40001", "40P01"}  # serialization_failure, deadlock_detected


def atomically(operation: Callable[Given, Result]) -> Callable[Given, Result]:
    """Run the operation in a transaction, anew if it and another waited for each other.

    Inside a larger transaction it is part of that one, which alone can begin anew.
    """

    @wraps(operation)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        tries = 1 if connection.in_atomic_block else TRIES
        while True:
            tries -= 1
            try:
                with transaction.atomic():
                    return operation(*args, **kwargs)
            except OperationalError as error:
                if not tries or getattr(error.__cause__, "sqlstate", "") not in WAITED_FOR_EACH_OTHER:
                    raise

    return run
