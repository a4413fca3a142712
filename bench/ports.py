"""Servers that a benchmark starts: where, and since when they answer."""

import socket
import time

PATIENCE = 120  # seconds for one to start


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int, what: str) -> None:
    """Return once somebody answers at the port."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"{what} did not start within {PATIENCE} s.")
