"""The root of every error that Hopper raises on purpose."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError

# What code meets in a row that was stored past every check: by plain SQL, or by an older version of Hopper.
BROKEN_ROW = (ArithmeticError, AttributeError, DataError, IntegrityError, LookupError, TypeError, ValueError)


class HopperError(Exception):
    """Something Hopper refuses, in words that say what to do.

    `code` is stable and for programs, `message` is for people, `context` carries the values in it;
    `status` is the HTTP status that the API answers with, `field` the input that was at fault, `retry_after`
    the seconds after which the same may succeed.
    """

    code = "refused"
    status = 409
    field: str | None = None
    retry_after: float | None = None

    def __init__(self, message: str = "", *, field: str | None = None, **context: Any) -> None:
        self.message = message or (self.__doc__ or "").strip().splitlines()[0]
        self.context = context
        self.field = field or self.field
        super().__init__(self.message)


class Invalid(HopperError):
    """The input breaks a rule of the data model; `errors` names each field."""

    code = "invalid"
    status = 400

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        field = next(iter(errors), None)
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()), field=field)


class Gone(HopperError):
    """The row is no longer there."""

    code = "not_found"
    status = 404


class Stale(HopperError):
    """The row has changed since the caller read it; `row` is how it now stands."""

    code = "stale"
    status = 412

    def __init__(self, row: Any, *, by: str = "") -> None:
        self.row = row
        who = f" by {by}" if by else ""
        super().__init__(f"{row} was changed meanwhile{who}: read it again, then send what should still change.")


def wrong(text: str) -> ValidationError:
    """Return a field error whose text may hold a percent sign: DRF formats messages even without parameters."""
    return ValidationError("%(text)s", params={"text": text})
