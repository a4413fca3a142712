"""Durations as people write them."""

import re
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_duration

from hopper.common.errors import wrong

PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(w|d|h|m|s)", re.IGNORECASE)
LONGEST = timedelta(days=10_000)  # in seconds it fits the columns
SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def read_duration(text: str) -> timedelta:
    """Read `PT4H` (ISO 8601) or `4h 30m`.

    :raises ValidationError: if it is neither, not above zero, or longer than 10,000 days
    """
    try:
        length = _read(text.strip())
    except OverflowError:
        length = timedelta.max
    if length is None:
        raise wrong(f"{text[:60]!r} is no duration: write it like PT4H or 4h 30m.")
    if length <= timedelta(0):
        raise wrong(f"{text[:60]!r} is no time at all: a duration is above zero.")
    if length > LONGEST:
        raise wrong(f"{text[:60]!r} is too long: a duration is at most {LONGEST.days} days.")
    return length


def _read(words: str) -> timedelta | None:
    if words and not PARTS.sub("", words).strip():
        return timedelta(seconds=sum(float(n) * SECONDS[unit.lower()] for n, unit in PARTS.findall(words)))
    return parse_duration(words.upper()) if words.upper().startswith("P") else None


def check_duration(value: object) -> None:
    """Validate a stored duration text."""
    if not isinstance(value, str):
        raise ValidationError("A duration is a text like PT4H or 4h 30m.")
    read_duration(value)


def in_words(span: timedelta) -> str:
    """Return the span in its two largest units, like 2 d 3 h, 1 min 5 s or 0.4 s; nothing if it is none."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.05 else ""
    found: list[str] = []
    rest = int(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or found:
            found.append(f"{count} {unit}" if count else "")
    return " ".join(filter(None, found[:2]))
