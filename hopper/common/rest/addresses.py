"""Answers without their rows: what is kept of an answer is where its rows are, and the few words around them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from hopper.common.rest.serializers import LeanSerializer

ROW = "$row"  # marks the place of a row: {"$row": serializer, "key": {column: value}}
Place = tuple[str, tuple[str, ...]]


def keep(answer: Any, view: Any) -> Any:
    """Return the answer with each row replaced by its place.

    Numbers stay; texts only under a name in the view's `kept_words`, so that nothing secret is ever stored.
    """
    if isinstance(answer, dict):
        if shape := view.shape_of(answer):
            return {ROW: shape.__name__, "key": shape.key_of(answer)}
        return {name: _plain(value) if name in view.kept_words else keep(value, view) for name, value in answer.items()}
    if isinstance(answer, list):
        return [keep(each, view) for each in answer]
    return answer if isinstance(answer, int | float) else None


def look_up(kept: Any, view: Any, *, known: Any = None) -> Any:
    """Return the answer with its rows as they now stand.

    A row that is gone, or that the principal does not see, is shown as in the answer that is `known`, else by
    its key alone.
    """
    rows = dict(_rows_in(known, view))
    wanted: dict[str, list[dict[str, str]]] = {}
    for place in _places_in(kept):
        wanted.setdefault(place[ROW], []).append(place["key"])
    for name, keys in wanted.items():
        rows |= _read(view.shapes()[name], keys, view)
    return _filled(kept, rows)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)


def _rows_in(answer: Any, view: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
    if isinstance(answer, dict) and (shape := view.shape_of(answer)):
        yield (shape.__name__, tuple(shape.key_of(answer).values())), answer
    elif isinstance(answer, dict | list):
        for part in answer.values() if isinstance(answer, dict) else answer:
            yield from _rows_in(part, view)


def _places_in(kept: Any) -> Iterator[dict[str, Any]]:
    if isinstance(kept, dict) and ROW in kept:
        yield kept
    elif isinstance(kept, dict | list):
        for part in kept.values() if isinstance(kept, dict) else kept:
            yield from _places_in(part)


def _read(shape: type[LeanSerializer], keys: list[dict[str, str]], view: Any) -> dict[Place, dict[str, Any]]:
    among = {f"{column}__in": [key[column] for key in keys] for column in keys[0]}
    rows = view.rows_of(shape).filter(**among)
    shown = [view.shown(row) for row in rows] if shape is view.serializer_class else shape.show_all(rows)
    return {(shape.__name__, tuple(shape.key_of(row).values())): row for row in shown}


def _filled(kept: Any, rows: dict[Place, dict[str, Any]]) -> Any:
    if isinstance(kept, dict) and ROW in kept:
        return rows.get((kept[ROW], tuple(kept["key"].values())), kept["key"])
    if isinstance(kept, dict):
        return {name: _filled(value, rows) for name, value in kept.items()}
    return [_filled(each, rows) for each in kept] if isinstance(kept, list) else kept
