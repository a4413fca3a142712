"""Durations as people write them."""

import re
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_duration

PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(w|d|h|m|s)", re.IGNORECASE)
SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def read_duration(text: str) -> timedelta:
    """Read `PT4H` (ISO 8601) or `4h 30m`.

    :raises ValidationError: if it is neither, or not above zero
    """
    words = text.strip()
    if words and not PARTS.sub("", words).strip():
        length = timedelta(seconds=sum(float(n) * SECONDS[unit.lower()] for n, unit in PARTS.findall(words)))
    else:
        found = parse_duration(words) if words.upper().startswith("P") else None
        if found is None:
            raise ValidationError(f"{text[:60]!r} is no duration: write it like PT4H or 4h 30m.")
        length = found
    if length <= timedelta(0):
        raise ValidationError(f"{text[:60]!r} is no time at all: a duration is above zero.")
    return length


def check_duration(value: object) -> None:
    """Validate a stored duration text."""
    if not isinstance(value, str):
        raise ValidationError("A duration is a text like PT4H or 4h 30m.")
    read_duration(value)
