"""JSON out."""

from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


class FastJSONRenderer(BaseRenderer):
    """Encodes in C: timestamps as ISO 8601 with zone, UUIDs and lazy texts as strings."""

    media_type = "application/json"
    format = "json"
    charset = None
    _encoder = msgspec.json.Encoder(enc_hook=str)

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else self._encoder.encode(data)


class EventStreamRenderer(FastJSONRenderer):
    """For whoever asks for a stream: what is not one, a refusal, is JSON."""

    media_type = "text/event-stream"
    format = "stream"
