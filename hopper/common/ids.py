"""Identifiers: UUIDv7 by default, or whatever plain name the caller brings."""

import secrets
import time
from uuid import UUID

from django.core.validators import RegexValidator


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 random bits; sorts by creation."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(UUID(int=value))


holder_name = RegexValidator(
    r"^[^/]+\Z", "Leave out the slash: in the name of a holder it begins the executor's label.", code="invalid_name"
)
plain_id = RegexValidator(
    r"^[A-Za-z0-9._~-]+\Z", "Use only letters, digits and the characters . _ ~ - in an id.", code="invalid_id"
)
