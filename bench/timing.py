"""What the benchmarks share: interleaved timings, medians, a scratch database, one table."""

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def arguments(doc: str | None) -> argparse.Namespace:
    """Read --quick and --json."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--quick", action="store_true", help="end within 60 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def scratch_database() -> None:
    """Set Django up on a new SQLite file, or on an empty database that BENCH_DATABASE_URL names, and migrate."""
    default = f"sqlite:///{Path(tempfile.mkdtemp(prefix='hopper-bench-')) / 'bench.db'}"
    os.environ["DATABASE_URL"] = os.environ.get("BENCH_DATABASE_URL", default)
    os.environ["ALLOWED_HOSTS"] = "testserver"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)


@contextmanager
def scratch_postgres() -> Iterator[None]:
    """Name an empty PostgreSQL database in BENCH_DATABASE_URL: the one it names already, or a new server's."""
    if "BENCH_DATABASE_URL" in os.environ:
        yield
        return
    from hopper.common.db import embedded

    folder = Path(tempfile.mkdtemp(prefix="hopper-bench-"))
    try:
        os.environ["BENCH_DATABASE_URL"] = embedded.start(folder)
        yield
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder)


def interleave(variants: dict[str, Callable[[], Any]], *, rounds: int, each: int) -> dict[str, list[float]]:
    """Run the variants in turn, `each` calls a round, and return the milliseconds of every call."""
    for call in variants.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            for _ in range(each):
                begun = time.perf_counter()
                call()
                times[name].append((time.perf_counter() - begun) * 1000)
    return times


def summary(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the rate per second at the median."""
    ordered = sorted(milliseconds)
    median = statistics.median(ordered)
    return {
        "p50_ms": round(median, 3),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 3),
        "per_second": round(1000 / median, 1),
    }


def memory_mb() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    return round(pages * resource.getpagesize() / 2**20, 1)


def show(rows: Sequence[dict[str, Any]], *, title: str, as_json: bool) -> None:
    """Print the rows as a table or as JSON."""
    if as_json:
        print(json.dumps({"title": title, "rows": list(rows)}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], title=title)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=140).print(table)


def told(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
