"""JSON in, strictly: what is ambiguous or hostile is refused with a sentence."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.parsers import BaseParser

MAX_BODY = 1024 * 1024
MAX_DEPTH = 32
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
RISKY_ESCAPES = re.compile(rb"\\u(?:0000|d[89a-f])", re.IGNORECASE)


class BodyTooLarge(APIException):
    """The body is larger than this address takes."""

    status_code = 413
    default_code = "body_too_large"


class StrictJSONParser(BaseParser):
    """Refuses what the standard library lets pass: NaN, duplicate keys, deep nesting, NUL, lone surrogates."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        view = (parser_context or {}).get("view")
        body = _read(stream, getattr(view, "max_body", MAX_BODY))
        try:
            data = read_json(body)
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8: send UTF-8 encoded JSON.") from error
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        if not isinstance(data, dict):
            raise ParseError('Send one JSON object, like {"title": "…"}.')
        if RISKY_ESCAPES.search(body):
            _check_text(data)
        return data


class YamlParser(BaseParser):
    """Hands a YAML document on as the text `yaml`: whoever reads it names the line of what is wrong."""

    media_type = "application/yaml"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return {"yaml": _read(stream, MAX_BODY).decode()}
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8: send UTF-8 encoded YAML.") from error


def _read(stream: Any, limit: int) -> bytes:
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise BodyTooLarge(f"The body is over {limit} bytes: send less at a time.")
    return body


def read_json(body: bytes) -> Any:
    """Read JSON that any database can store and any client can read back.

    :raises ValueError: if it is no such JSON; texts that cannot be stored are left to `unstorable_in`
    """
    _check_depth(body)
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _check_depth(body: bytes) -> None:
    depth = 0
    for mark in re.findall(rb"[\[\]{}]", STRINGS.sub(b"", body)):
        depth += 1 if mark in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels: flatten it")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is too large for a number")
    return number


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)


def _check_text(data: dict[str, Any]) -> None:
    for name, value in data.items():
        fault = unstorable_in({name: value})
        if fault:
            raise ValidationError({ascii(name)[1:-1]: [fault]})


def unstorable_in(data: Any) -> str | None:
    """Return the sentence about the first text in the data that no database can store, or None."""
    return next((fault for fault in map(unstorable, _strings(data)) if fault), None)


def unstorable(text: str) -> str | None:
    """Return the sentence that says why no database can store the text, or None."""
    if "\x00" in text:
        return "The text has a NUL character: remove it."
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "The text has a lone surrogate, which no encoding can store: remove it."
    return None
