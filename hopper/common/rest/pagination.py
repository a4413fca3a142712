"""Keyset pages: stable while rows are inserted, as fast on page 1,000 as on page 1."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import ValidationError as FieldError
from django.db.models import F, Model, Q, QuerySet, Value
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from hopper.common.db.beyond import Beyond
from hopper.common.db.info import estimate_rows
from hopper.common.rest.parsers import unstorable

DEFAULT_SIZE = 50
LARGEST_SIZE = 100
DEEPEST_SKIP = 10_000
LARGEST_NUMBER = 2**63 - 1  # that a column can hold


@dataclass(frozen=True)
class Key:
    """One part of an ordering: an expression that is never null, and its direction."""

    name: str
    expression: Any
    descending: bool


@dataclass(frozen=True)
class Cursor:
    """The last row seen, as its key values, and which way to read on."""

    ordering: str
    values: list[Any]
    backwards: bool = False

    def encode(self) -> str:
        text = json.dumps([self.ordering, self.values, self.backwards], default=str)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor back.

        :raises ValidationError: if it is not one of ours
        """
        try:
            ordering, values, backwards = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if not (isinstance(ordering, str) and isinstance(values, list) and isinstance(backwards, bool)):
                raise TypeError
        except (binascii.Error, ValueError, TypeError, RecursionError) as error:
            raise ValidationError(
                {"cursor": ["This cursor is damaged: take `next` from a page, or leave it out to begin anew."]}
            ) from error
        return cls(ordering, values, backwards)


class KeysetPagination(BasePagination):
    """Pages by the values of the last row instead of an offset.

    The view's `orderings` names what may be ordered by: `{"due_at": Coalesce("due_at", …)}`, each
    expression non-null; the primary key always comes last, so that no two rows tie.
    """

    parameters: tuple[str, ...] = ("cursor", "page_size", "ordering", "count", "skip", "limit")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request, self.queryset, self.view = request, queryset, view
        self.size = page_size(request, "page_size" if "limit" not in request.query_params else "limit", DEFAULT_SIZE)
        self.cursor = self._read_cursor()
        self.skip = _whole(request, "skip", 0, 0, DEEPEST_SKIP)
        backwards = bool(self.cursor and self.cursor.backwards)
        rows = list(self._page_query(backwards)[self.skip : self.skip + self.size + 1])
        self.has_more = len(rows) > self.size
        self.page = rows[: self.size][::-1] if backwards else rows[: self.size]
        self.has_next = bool(self.page) and (self.has_more or backwards)
        self.has_previous = bool(self.page) and (self.has_more if backwards else bool(self.cursor or self.skip))
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        page: dict[str, Any] = {"next": self._link(backwards=False), "previous": self._link(backwards=True)}
        return Response(page | self._count() | {"results": data})

    @cached_property
    def ordering(self) -> str:
        return self.request.query_params.get("ordering") or self.view.default_ordering

    @cached_property
    def keys(self) -> list[Key]:
        orderings = self.view.orderings
        keys: list[Key] = []
        for part in self.ordering.split(","):
            name = part.strip().removeprefix("-")
            if name not in orderings:
                raise ValidationError({"ordering": [f"{name!r} is no ordering: use one of {', '.join(orderings)}."]})
            keys.append(Key(f"_key{len(keys)}", _expression(orderings[name]), part.strip().startswith("-")))
        if len({part.strip().removeprefix("-") for part in self.ordering.split(",")}) < len(keys):
            raise ValidationError({"ordering": ["Name each ordering once."]})
        return [*keys, Key("pk", F("pk"), keys[-1].descending)]

    def _page_query(self, backwards: bool) -> QuerySet:
        queryset = self.queryset.annotate(**{key.name: key.expression for key in self.keys[:-1]})
        order = [("-" if key.descending != backwards else "") + key.name for key in self.keys]
        if self.cursor:
            queryset = queryset.filter(self._beyond(queryset, self.cursor))
        return queryset.order_by(*order)

    def _beyond(self, queryset: QuerySet, cursor: Cursor) -> Q:
        """Return `(k0, k1) > (v0, v1)`, or `k0 > v0 or (k0 = v0 and k1 < v1)` where the directions differ."""
        values = [_parse(queryset, key, value) for key, value in zip(self.keys, cursor.values, strict=True)]
        falls = [key.descending != cursor.backwards for key in self.keys]
        if len(set(falls)) == 1:
            columns = [F(key.name) for key in self.keys]
            return Q(Beyond(columns, [Value(value) for value in values], "<" if falls[0] else ">"))
        beyond = Q()
        for key, value, falling in reversed(list(zip(self.keys, values, falls, strict=True))):
            step = Q(**{f"{key.name}__{'lt' if falling else 'gt'}": value})
            beyond = step | (Q(**{key.name: value}) & beyond) if beyond else step
        bound = "lte" if falls[0] else "gte"  # redundant, but an index can use it
        return Q(**{f"{self.keys[0].name}__{bound}": values[0]}) & beyond

    def _read_cursor(self) -> Cursor | None:
        text = self.request.query_params.get("cursor")
        if not text:
            return None
        cursor = Cursor.decode(text)
        if cursor.ordering != self.ordering or len(cursor.values) != len(self.keys):
            raise ValidationError({"cursor": ["This cursor belongs to another ordering: begin anew without it."]})
        return cursor

    def _link(self, *, backwards: bool) -> str | None:
        if not (self.has_previous if backwards else self.has_next):
            return None
        edge = self.page[0] if backwards else self.page[-1]
        values = [_value(edge, key.name) for key in self.keys]
        params = {name: value for name, value in self.request.query_params.items() if name not in ("cursor", "skip")}
        params["cursor"] = Cursor(self.ordering, values, backwards).encode()
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode(params)}")

    def _count(self) -> dict[str, int]:
        match self.request.query_params.get("count"):
            case None:
                return {}
            case "exact":
                return {"count": self.queryset.count()}
            case "estimate":
                return {"count": estimate_rows(self.queryset)}
            case _:
                raise ValidationError({"count": ["Ask for count=exact or count=estimate."]})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orderings = ", ".join(getattr(view, "orderings", {}))
        texts = {
            "cursor": ("string", "From `next` or `previous` of a page."),
            "page_size": ("integer", f"At most {LARGEST_SIZE}."),
            "ordering": ("string", f"Comma-separated, `-` for descending: {orderings}."),
            "count": ("string", "`exact` or `estimate`: adds `count` to the page."),
            "skip": ("integer", f"At most {DEEPEST_SKIP}."),
            "limit": ("integer", "Another name for page_size."),
        }
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": kind}}
            for name, (kind, text) in texts.items()
            if name in self.parameters
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "count": {"type": "integer"}, "results": schema},
        }


class OldestFirst(KeysetPagination):
    """Pages in the order in which the rows were written, and in no other."""

    parameters = ("cursor", "page_size", "count", "skip", "limit")
    ordering = "id"  # whatever the request says
    keys = [Key("pk", F("pk"), descending=False)]


class Unpaged(BasePagination):
    """No pages: the answer has no end."""

    parameters: ClassVar[tuple[str, ...]] = ()


class BestFirst(BasePagination):
    """The best rows and no second page: likeness has no end, so `limit` draws the line."""

    parameters = ("limit",)
    notes: ClassVar[dict[str, Any]] = {}  # what the answer says beside its results, as a schema

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit = {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer"}}
        return [limit | {"description": f"At most {LARGEST_SIZE}."}]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        properties = {**self.notes, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}


def page_size(request: Request, name: str, default: int) -> int:
    """Return how many rows are asked for: 1 to 100.

    :raises ValidationError: if it is no whole number
    """
    return min(_whole(request, name, default, 1), LARGEST_SIZE)


def _whole(request: Request, name: str, default: int, minimum: int, maximum: int | None = None) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < minimum:
        raise ValidationError({name: [f"Send a whole number of {minimum} or more."]})
    if maximum is not None and int(text) > maximum:
        raise ValidationError({name: [f"At most {maximum}: follow `next` instead of skipping deeper."]})
    return int(text)


def _expression(entry: Any) -> Any:
    return F(entry) if isinstance(entry, str) else entry


def _value(row: Any, name: str) -> Any:
    value = row.pk if name == "pk" and isinstance(row, Model) else getattr(row, name)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _parse(queryset: QuerySet, key: Key, value: Any) -> Any:
    field = queryset.model._meta.pk if key.name == "pk" else queryset.query.annotations[key.name].output_field
    try:
        if value is None or (isinstance(value, str) and unstorable(value)):
            raise ValueError
        if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
            raise OverflowError
        return _in_utc(field.to_python(value))
    except (FieldError, ValueError, TypeError, OverflowError) as error:
        raise ValidationError({"cursor": ["This cursor is damaged: begin anew without it."]}) from error


def _in_utc(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("Our cursors name the zone.")
    return value.astimezone(UTC)
