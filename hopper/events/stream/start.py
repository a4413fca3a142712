"""Where a stream begins, and what of the log it wants."""

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from hopper.common.rest.pagination import LARGEST_NUMBER
from hopper.events.operations import end_of_log, stamp_positions
from hopper.events.stream.frames import FACTS

HEADER = "Last-Event-ID"


def starting_place(request: Request) -> int:
    """Return the position to go on after: that of the last event seen, or else of the last there is.

    The header goes before `?after=`: a browser that comes back sends both, and the header is the newer one.

    :raises ValidationError: if it is no position
    """
    given = {HEADER: request.headers.get(HEADER), "after": request.query_params.get("after")}
    for name, text in given.items():
        if text:
            return _position(name, text)
    stamp_positions()
    return end_of_log()


def _position(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_NUMBER:
        return int(text)
    raise ValidationError({name: ["Send the `id` of the last event that you have seen, or 0 to begin with the first."]})


def wanted_facts(request: Request) -> dict[str, str]:
    """Return the filters that a request sets, by name; the view has checked them before."""
    asked = {name: request.query_params.get(name, "").strip() for name in FACTS}
    return {name: text for name, text in asked.items() if text}
