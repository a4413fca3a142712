"""What all listeners of a process share: one poller, and the latest events."""

import asyncio
import logging
from asyncio import AbstractEventLoop
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from operator import attrgetter
from weakref import WeakKeyDictionary

from django.db import DatabaseError

from hopper.events.operations import end_of_log
from hopper.events.stream.frames import PAGE, Frame, Page, in_thread, read_news

KEPT = 2000  # events; who is further behind reads them from the database
PAUSE = 1.0  # seconds between two looks
log = logging.getLogger(__name__)
_hubs: WeakKeyDictionary[AbstractEventLoop, "Hub"] = WeakKeyDictionary()


class Hub:
    """Looks for new events while anybody listens, and keeps the latest for all; nobody is waited for."""

    def __init__(self, *, pause: float = PAUSE, kept: int = KEPT) -> None:
        self.pause, self.kept = pause, kept
        self.listeners = 0
        self.looks = 0
        self.is_closing = False
        self.news = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self.latest: list[Frame] = []
        self.begin: int | None = None  # the position before the first that is kept
        self.end: int | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Look for news as long as somebody is in here."""
        self.listeners += 1
        try:
            if self._poller is None or self._poller.done():
                self._forget()
                self._poller = asyncio.create_task(self._poll())
            yield
        finally:
            self.listeners -= 1
            if self._poller and not self.listeners:
                self._poller.cancel()
                self._poller = None

    def page_after(self, place: int) -> Page | None:
        """Return what follows the place, or None if that is no longer, or not yet, kept here."""
        if self.begin is None or self.end is None or place < self.begin:
            return None
        first = bisect_right(self.latest, place, key=attrgetter("position"))
        frames = self.latest[first : first + PAGE]
        return Page(frames, frames[-1].position if frames else place)

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Wait for news, but not longer; a poller that broke ends its listeners, who come back and start another."""
        if self._poller and self._poller.done():
            self._poller.result()
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), max(seconds, 0))

    def close(self) -> None:
        """End every stream."""
        self.is_closing = True
        self._tell()

    def _tell(self) -> None:
        told, self.news = self.news, asyncio.Event()
        told.set()

    async def _poll(self) -> None:
        while True:
            try:
                found = await self._look()
            except DatabaseError as error:
                log.warning("The live stream waits for the database: %s", error)
                found = 0
            if found < PAGE:
                await asyncio.sleep(self.pause)

    async def _look(self) -> int:
        self.looks += 1
        if self.end is None:
            self.begin = self.end = await in_thread(end_of_log)
        frames = await in_thread(partial(read_news, self.end))
        if frames:
            self.latest += frames
            gone, self.latest = self.latest[: -self.kept], self.latest[-self.kept :]
            self.begin = gone[-1].position if gone else self.begin
            self.end = frames[-1].position
            self._tell()
        return len(frames)


def hub_of_this_loop() -> Hub:
    """Return the one hub of the process; each event loop of a test has its own."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def end_streams() -> None:
    """End every stream of this process, so that it can stop; its listeners come back to the next one."""
    for hub in list(_hubs.values()):
        hub.close()
