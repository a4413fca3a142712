"""Events as they are sent, and the log read in pages of them, outside of the loop that sends."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

from hopper.common.rest.renderers import FastJSONRenderer
from hopper.events.filters import StreamFilter
from hopper.events.models import Event
from hopper.events.operations import end_of_log, stamp_positions
from hopper.events.serializers import EventSerializer

PAGE = 500
FACTS = StreamFilter.Meta.fields
Answer = TypeVar("Answer")
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="stream")  # and connections, however many listen
_json = FastJSONRenderer()


class Frame(NamedTuple):
    """One event as a line of the stream, and what listeners choose by."""

    position: int
    facts: Mapping[str, str]
    text: bytes


class Page(NamedTuple):
    """The frames after a place, and the place that was read up to: no wanted event is left before it."""

    frames: Sequence[Frame]
    place: int


def in_thread(ask: Callable[[], Answer]) -> Any:
    """Return an awaitable that asks the database in another thread, and gives its connection back afterwards."""

    @wraps(ask)
    def asked() -> Answer:
        try:
            return ask()
        finally:
            connection.close()

    return sync_to_async(asked, thread_sensitive=False, executor=_threads)()


def read_page(place: int, wanted: Mapping[str, str]) -> Page:
    """Read the next page of the log with these facts; one that is not full goes to the end of the log."""
    end = end_of_log()
    frames = _frames(Event.objects.filter(**wanted).since(place)[:PAGE])
    last = frames[-1].position if frames else place
    return Page(frames, last if len(frames) == PAGE else max(last, end))


def read_news(place: int) -> Sequence[Frame]:
    """Give new events their positions, and read the next page of them."""
    stamp_positions()
    return _frames(Event.objects.since(place)[:PAGE])


def _frames(events: Any) -> list[Frame]:
    return [_frame(event) for event in events]


def _frame(event: Event) -> Frame:
    data = _json.render(EventSerializer.show(event))
    place = event.position or 0  # never, as only what has a position is read
    text = b"id: %d\nevent: %s\ndata: %s\n\n" % (place, event.type.encode(), data)
    return Frame(place, {name: getattr(event, name) for name in FACTS}, text)
