"""One listener: catches up from the database, then follows what all share."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError

from hopper.events.stream.frames import Page, in_thread, read_page
from hopper.events.stream.hub import Hub

RETRY = b"retry: 2000\n\n"  # milliseconds after which a browser comes back
STILL_HERE = b":\n\n"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rhythm:
    """After how many seconds of silence a sign of life is sent, and how often the right to listen is looked at."""

    heartbeat: float = 15.0
    recheck: float = 30.0


async def follow(
    hub: Hub, *, place: int, wanted: Mapping[str, str], may_go_on: Callable[[], bool], rhythm: Rhythm = Rhythm()
) -> AsyncGenerator[bytes, None]:  # fmt: skip
    """Yield the events after the place, in order and each once, until nobody reads or the right to is gone.

    Whoever reads slowly holds up nobody: what it has not taken stays in the database, not in memory.
    """
    clock = asyncio.get_running_loop().time
    said = checked = clock()
    yield RETRY
    async with hub.listening():
        while not hub.is_closing:
            news = hub.news
            page = hub.page_after(place) or await _read(place, wanted)
            if text := b"".join(frame.text for frame in page.frames if wanted.items() <= frame.facts.items()):
                yield text
                said = clock()
            elif clock() >= said + rhythm.heartbeat:
                yield STILL_HERE
                said = clock()
            if clock() >= checked + rhythm.recheck:
                if not await _holds(may_go_on):
                    return
                checked = clock()
            if page.place == place:
                await hub.wait(news, min(said + rhythm.heartbeat, checked + rhythm.recheck) - clock())
            place = page.place


async def _read(place: int, wanted: Mapping[str, str]) -> Page:
    """Read a page; while the database is away there is none, and the listener stays."""
    try:
        page: Page = await in_thread(partial(read_page, place, wanted))
    except DatabaseError as error:
        log.warning("A listener waits for the database: %s", error)
        return Page((), place)
    return page


async def _holds(may_go_on: Callable[[], bool]) -> bool:
    """Tell whether the listener may go on; one that cannot be checked now is cut off, and comes back."""
    try:
        return bool(await in_thread(may_go_on))
    except DatabaseError:
        return False
