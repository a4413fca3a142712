"""The live stream: 100 listeners of one process, 1,000 events at once and one at a time; memory of the process.

Times count from the commit until the last listener has the last event; the process looks once a second. It runs on
SQLite, or in the empty database that BENCH_DATABASE_URL names.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.ports import free_port, wait_for
from bench.timing import arguments, scratch_database, show, told

Listener = tuple[asyncio.StreamReader, asyncio.StreamWriter]  # the writer holds the connection
CLIENTS, EVENTS, ROUNDS, SINGLE = 100, 1_000, 7, 15


def main() -> None:
    options = arguments(__doc__)
    rounds, single = (2, 3) if options.quick else (ROUNDS, SINGLE)
    scratch_database()
    from hopper.common.db.info import database_kind
    from hopper.common.keys import create_key

    _, key = create_key(name="bench", role="viewer")
    port = free_port()
    command = [sys.executable, "manage.py", "stream", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "ALLOWED_HOSTS": "127.0.0.1"}) as server:
        try:
            wait_for(port, "The stream")
            rows = asyncio.run(measure(port, key, server.pid, rounds, single))
        finally:
            server.terminate()
    show(rows, title=f"{CLIENTS} listeners of one stream, {database_kind()}", as_json=options.json)


async def measure(port: int, key: str, pid: int, rounds: int, single: int) -> list[dict[str, Any]]:
    """Return a row for each way of writing, with the memory of the server after it."""
    empty = memory_of(pid)
    listeners = [await listen(port, key) for _ in range(CLIENTS)]
    connected = memory_of(pid)
    rows = []
    for name, count, times in (("all at once", EVENTS, rounds), ("one", 1, single)):
        seconds = [await time_of(listeners, count) for _ in range(times)]
        told(f"{name}: {[round(second, 2) for second in seconds]}")
        rows.append({
            "events": count, "median_s": round(statistics.median(seconds), 2), "longest_s": round(max(seconds), 2),
            "empty_mb": empty, "connected_mb": connected, "after_mb": memory_of(pid), "threads": threads_of(pid),
        })  # fmt: skip
    return rows


async def time_of(listeners: list[Listener], count: int) -> float:
    """Return the seconds from the commit until every listener has all events."""
    reading = [asyncio.ensure_future(read(listener, count)) for listener in listeners]
    committed = await asyncio.to_thread(write, count)
    await asyncio.gather(*reading)
    return time.perf_counter() - committed


async def read(listener: Listener, count: int) -> None:
    while count:
        line = await listener[0].readuntil()  # which fails at the end of the stream
        count -= line.startswith(b"id: ")


def write(count: int) -> float:
    """Write the events in one transaction; return when it was committed."""
    from django.db import connection, transaction

    from hopper.events.operations import record_events
    from tasks.models import Task

    with transaction.atomic():
        tasks = [Task(pk=f"bench-{number}", title="Task") for number in range(count)]
        record_events("bench.told", tasks, actor="bench", payload=lambda task: {"project": "sark", "confidence": 0.9})
    committed = time.perf_counter()
    connection.close()
    return committed


async def listen(port: int, key: str) -> Listener:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(  # HTTP 1.0, so that no chunks cut the lines
        f"GET /api/v1/events/stream HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )
    while not (await reader.readuntil()).startswith(b"retry"):
        pass
    return reader, writer


def memory_of(pid: int) -> int:
    return _status(pid, "VmRSS") // 1024


def threads_of(pid: int) -> int:
    return _status(pid, "Threads")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


if __name__ == "__main__":
    main()
