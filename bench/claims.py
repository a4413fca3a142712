"""Claims and the ready list with up to 1,000,000 waiting tasks, beside the bare statement, and beside finished tasks.

It runs in a PostgreSQL of its own, which is removed at the end, or in the empty database that BENCH_DATABASE_URL
names, which may be SQLite. Bare is one statement by the driver: no conditions but the status, no claim row, no event.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.timing import arguments, interleave, scratch_database, scratch_postgres, show, summary, told

FULL, QUICK = (1_000, 100_000, 1_000_000), (1_000, 20_000)
BESIDE = 10_000  # waiting tasks, beside none and beside many finished ones
CROWD = 1_000  # tasks that many claimers want at once
PROJECTS, LIMITED = 100, 10  # of them have a capacity
BATCH = 1_000
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FILL = f"""
    WITH RECURSIVE n(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i < %s)
    INSERT INTO tasks (id, title, description, project, status, priority, created_at, finished_at)
    SELECT %s || i, 'Task ' || i, 'What it is about', 'p' || (i %% {PROJECTS}), %s,
        CASE i %% 10 WHEN 0 THEN 'high' WHEN 1 THEN 'low' ELSE 'medium' END, %s, %s FROM n"""
ORDER = "claim_rank, claim_by, created_at, id"
CLAIM = f"""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM tasks WHERE status = 'routed' ORDER BY {ORDER} LIMIT 1 {{lock}})
    UPDATE tasks SET status = 'claimed', lease_owner = 'bare', lease_until = CURRENT_TIMESTAMP,
        fence = fence + 1, attempts = attempts + 1 WHERE id IN (SELECT id FROM chosen) RETURNING id"""
LIST = f"SELECT * FROM tasks WHERE status = 'routed' AND ({ORDER}) > (%s, %s, %s, %s) ORDER BY {ORDER} LIMIT 51"
Calls = dict[str, Callable[[], Any]]
Row = dict[str, Any]


def main() -> None:
    options = arguments(__doc__)
    with scratch_postgres():
        scratch_database()
        from hopper.common.db.info import database_kind

        sizes = QUICK if options.quick else FULL
        each = 3 if options.quick else 10
        parts = (waiting_alone(sizes, each), beside_finished(sizes[-1], each), crowd())
        rows = [row for part in parts for row in part]
        show(rows, title=f"Claims and the ready list, {database_kind()}", as_json=options.json)


def waiting_alone(sizes: tuple[int, ...], each: int) -> Iterator[Row]:
    """Measure with more and more waiting tasks."""
    empty()
    for before, waiting in zip((0, *sizes), sizes, strict=False):
        fill("routed", before, waiting)
        yield from measure(waiting, 0, each)


def beside_finished(finished: int, each: int) -> Iterator[Row]:
    """Measure with as many waiting tasks, beside no and beside many finished ones."""
    empty()
    fill("routed", 0, BESIDE)
    yield from measure(BESIDE, 0, each)
    fill("completed", 0, finished)
    yield from measure(BESIDE, finished, each)


def measure(waiting: int, finished: int, each: int) -> Iterator[Row]:
    """Return a row of the table for claims, the first page of the list, and one in the middle of it."""
    size = {"waiting": waiting, "finished": finished}
    for what, calls in (("claim", claims()), ("first page", pages(0)), ("deep page", pages(waiting // 2))):
        yield {"what": what} | size | compare(interleave(calls, rounds=10, each=each))


def compare(times: dict[str, list[float]]) -> Row:
    hopper, bare = summary(times["hopper"]), summary(times["bare"])
    ratio = round(hopper["p50_ms"] / bare["p50_ms"], 1)
    return {
        "per_s": hopper["per_second"], "p50_ms": hopper["p50_ms"], "p95_ms": hopper["p95_ms"],
        "bare_p50_ms": bare["p50_ms"], "ratio": ratio,
    }  # fmt: skip


def claims() -> Calls:
    from tasks.operations import claim_next

    def ours() -> None:
        assert claim_next(owner="bench")

    return {"hopper": ours, "bare": lambda: bare(claim_sql())}


def claim_sql() -> str:
    from django.db import connection

    return CLAIM.format(lock="FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else "")


def pages(skipped: int) -> Calls:
    """Return how the page after so many tasks is read: by HTTP in this process, and as rows."""
    from django.test import Client

    from hopper.common.keys import create_key
    from hopper.common.rest.pagination import Cursor
    from tasks.models import Task

    _, key = create_key(name=f"bench {time.monotonic_ns()}", role="administrator")
    client = Client(headers={"authorization": f"Bearer {key}"})
    edge = Task.objects.ready().values_list(*Task.CLAIM_ORDER)[skipped : skipped + 1].get()
    cursor = Cursor("claim_rank,claim_by,created_at", list(edge)).encode()

    def ours() -> None:
        response = client.get("/api/v1/tasks/ready", {"cursor": cursor} if skipped else {})
        assert len(response.json()["results"]) == 50, response.content[:300]

    def rows() -> None:
        assert len(bare(LIST, edge if skipped else (-2, LONG_AGO, LONG_AGO, ""))) == 51

    return {"hopper": ours, "bare": rows}


def crowd() -> Iterator[Row]:
    """Return a row for many claimers in this process at once: 50, or 8 where one writes at a time."""
    from django.db import connection

    from tasks.operations import claim_next

    claimers = 50 if connection.features.has_select_for_update_skip_locked else 8
    seconds = {}
    for side, claim in (("hopper", lambda: claim_next(owner="bench")), ("bare", lambda: bare(claim_sql()))):
        empty()
        fill("routed", 0, CROWD)
        begun = time.perf_counter()
        with ThreadPoolExecutor(claimers) as pool:
            won = sum(pool.map(claim_all, [claim] * claimers))
        seconds[side] = time.perf_counter() - begun
        assert won == CROWD, f"{side}: {won} claims of {CROWD} tasks"
    yield {"what": f"{claimers} claimers", "waiting": CROWD, "finished": 0} | compare(
        {side: [taken * 1000 / CROWD] for side, taken in seconds.items()}
    )


def claim_all(claim: Callable[[], Any]) -> int:
    """Claim until nothing is left, and return how often that succeeded."""
    from django.db import connections

    try:
        return sum(1 for _ in iter(lambda: bool(claim()), False))
    finally:
        connections.close_all()


def bare(sql: str, values: Any = None) -> list[Any]:
    """Send one statement on a connection beside Django's own, and return its rows."""
    from django.db import connections

    connections.settings.setdefault("bare", connections.settings["default"])
    with connections["bare"].cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def empty() -> None:
    """Leave nothing but the projects."""
    from django.core.management import call_command

    from projects.models import Project

    call_command("flush", interactive=False, verbosity=0)
    Project.objects.bulk_create(
        Project(name=f"p{n}", slug=f"p{n}", capacity=10 * CROWD if n < LIMITED else None) for n in range(PROJECTS)
    )


def fill(status: str, start: int, stop: int) -> None:
    """Add tasks of that status with the numbers from `start` to `stop`, a second between batches."""
    from django.db import connection

    from hopper.common.db.info import vacuum

    begun = time.perf_counter()
    with connection.cursor() as cursor:
        for first in range(start, stop, BATCH):
            made = LONG_AGO + timedelta(seconds=first / BATCH)
            last = min(first + BATCH, stop) - 1
            finished = made if status == "completed" else None
            cursor.execute(FILL, [first, last, f"{status}-", status, made, finished])
    vacuum()
    told(f"{stop - start:,} {status} tasks in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
