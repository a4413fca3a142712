"""How much and how long Hopper listens to a service that an operator has configured."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

LONGEST_ANSWER = 10_000_000  # bytes
LONGEST_PAUSE = 3_600.0  # seconds: whoever asks for more is asked again after an hour


class AnswerRefused(Exception):
    """The answer is one that Hopper does not read on; the client, which does not know it, lets it pass untried."""


class BoundedStream(httpx2.SyncByteStream):
    """A body that ends with an error when it grows too long or takes too long in all."""

    def __init__(self, body: httpx2.SyncByteStream, *, timeout: float, longest: int) -> None:
        self._body = body
        self._timeout = timeout
        self._longest = longest
        self._until = time.monotonic() + timeout

    def __iter__(self) -> Iterator[bytes]:
        left = self._longest
        for piece in self._body:
            left -= len(piece)
            if left < 0:
                raise AnswerRefused(f"The answer of the service is over {self._longest:,} bytes.")
            if time.monotonic() > self._until:
                raise httpx2.ReadTimeout(f"The answer did not end within {self._timeout} s.")
            yield piece

    def close(self) -> None:
        self._body.close()


def bounded_client(timeout: float, *, longest: int = LONGEST_ANSWER) -> httpx2.Client:
    """Return an HTTP client that gives up on answers that are silent, slow or longer than so many bytes."""

    def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":  # a small body can unpack to anything
            raise AnswerRefused("The service compressed its answer unasked.")
        if "retry-after" in response.headers:
            response.headers["x-should-retry"] = "false"  # the delivery waits, instead of the client in its worker
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = BoundedStream(response.stream, timeout=timeout, longest=longest)

    return httpx2.Client(timeout=timeout, headers={"Accept-Encoding": "identity"}, event_hooks={"response": [bound]})


def retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds that the Retry-After header asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text).replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        except ValueError:
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_PAUSE)
