"""Serve the live stream of events in a process of its own."""

import signal
import sys
from argparse import ArgumentParser
from contextlib import suppress
from socket import socket
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand

from hopper.events.stream import end_streams

ADDRESS = "/api/v1/events/stream"
MOST_LISTENERS = 1000  # beyond them 503
STOP_AFTER = 5  # seconds, for listeners who do not read


class Command(BaseCommand):
    """Run uvicorn with `hopper.asgi`."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # raised once more by the server, after it has stopped
        config = uvicorn.Config(
            "hopper.asgi:application", host=options["host"], port=options["port"], lifespan="off", ws="none",
            log_level="warning", access_log=False, proxy_headers=False, server_header=False,
            limit_concurrency=MOST_LISTENERS, timeout_graceful_shutdown=STOP_AFTER,
        )  # fmt: skip
        self.stderr.write(f"The live stream is at http://{options['host']}:{options['port']}{ADDRESS}")
        with suppress(KeyboardInterrupt):
            StreamServer(config).run()


class StreamServer(uvicorn.Server):
    """Ends its streams when it is asked to stop: they would last for ever."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        end_streams()
        await super().shutdown(sockets)
