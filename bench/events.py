"""What news costs: to record, to carry, and to take from a long queue, beside the bare INSERT of an event.

It runs in a PostgreSQL of its own, which is removed at the end, or in the empty database that BENCH_DATABASE_URL names,
which may be SQLite. Bare is one INSERT … RETURNING of a row as large by the driver, in a transaction of its own.
"""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from bench.timing import arguments, interleave, scratch_database, scratch_postgres, show, summary, told

PAYLOAD = {"title": "Draw the map of the northern coast", "project": "atlas", "confidence": 0.8125}
QUICK, FULL = {"each": 10, "carried": 2_000, "queue": 20_000}, {"each": 50, "carried": 10_000, "queue": 100_000}
BATCH = 100
WORK = 0.005  # seconds that the slower consumer takes for a batch
ROWS = (1_000, 100_000)  # that the queue speaks of
BARE = """
    INSERT INTO events (created_at, event_id, type, aggregate_type, aggregate_id, version, actor, schema_version,
        payload, occurred_at)
    VALUES (CURRENT_TIMESTAMP, %s, 'bench.bare', 'bench', %s, 1, 'bench', 1, %s, CURRENT_TIMESTAMP)
    RETURNING id"""
FILL = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)
    INSERT INTO deliveries (created_at, consumer, carries, aggregate_type, aggregate_id, version, status, available_at)
    SELECT CURRENT_TIMESTAMP, 'bench', 'event', 'bench', 'row' || (i %% %s), i, 'pending', CURRENT_TIMESTAMP FROM n"""
Row = dict[str, Any]


def main() -> None:
    options = arguments(__doc__)
    size = QUICK if options.quick else FULL
    with scratch_postgres():
        scratch_database()
        from hopper.common.db.info import database_kind

        parts = (recorded(size["each"]), carried(size["carried"]), claimed(size["queue"]))
        rows = [row for part in parts for row in part]
        show(rows, title=f"Events and deliveries, {database_kind()}", as_json=options.json)


def recorded(each: int) -> Iterator[Row]:
    """Measure an event in a transaction of its own, for no, one and three consumers, beside the bare INSERT."""
    from django.conf import settings
    from django.db import transaction

    from hopper.events.operations import record_event
    from instances.models import Instance

    row = Instance.objects.create(id="bench", name="bench", scope="GLOBAL")

    def ours(kind: str) -> None:
        with transaction.atomic():
            record_event(kind, row, actor="bench", **PAYLOAD)

    kinds = {f"bench.{count}": [f"consumer {n}" for n in range(count)] for count in (0, 1, 3)}
    settings.CONSUMERS = kinds
    times = interleave(
        {"bare": bare, **{kind: lambda kind=kind: ours(kind) for kind in kinds}}, rounds=10, each=each
    )  # fmt: skip
    for name, taken in times.items():
        what = "bare INSERT" if name == "bare" else f"record, {len(kinds[name])} consumers"
        yield line(what, taken, times["bare"])


def bare() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(BARE, [str(uuid.uuid4()), str(uuid.uuid4()), json.dumps(PAYLOAD)])
        cursor.fetchone()


def carried(count: int) -> Iterator[Row]:
    """Measure deliveries in batches, to a consumer that does nothing and to one that takes its time."""
    from hopper.events.operations import drain

    for what, pause in (("carry to nobody", 0.0), (f"carry, {WORK * 1000:.0f} ms a batch", WORK)):
        fill(count, rows=count)
        begun = time.perf_counter()
        done = drain("bench", lambda taken, pause=pause: time.sleep(pause), batch=BATCH, limit=count)
        assert done == count
        yield line(what, [(time.perf_counter() - begun) * 1000 / count])


def claimed(waiting: int) -> Iterator[Row]:
    """Measure the leasing of a batch from a long queue, over few and over many rows; it is rolled back."""
    for rows in ROWS:
        fill(waiting, rows=min(rows, waiting))
        times = interleave({"lease": lease}, rounds=5, each=4)["lease"]
        yield line(f"lease {BATCH} of {waiting:,} over {min(rows, waiting):,} rows", times)


def lease() -> None:
    from django.db import transaction

    from hopper.events.operations.carrying import LEASE, take

    with transaction.atomic():
        assert len(take("bench", BATCH, LEASE)) == BATCH
        transaction.set_rollback(True)


def fill(count: int, *, rows: int) -> None:
    """Leave so many pending deliveries, of so many rows, and nothing else."""
    from django.db import connection

    from hopper.common.db.info import vacuum
    from hopper.events.models import Delivery

    Delivery.objects.all().delete()
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(FILL, [count, rows])
    vacuum()
    told(f"{count:,} deliveries of {rows:,} rows in {time.perf_counter() - begun:.0f} s")


def line(what: str, taken: Sequence[float], beside: Sequence[float] | None = None) -> Row:
    found = summary(taken)
    ratio = round(found["p50_ms"] / summary(beside)["p50_ms"], 1) if beside else ""
    return {
        "what": what, "per_s": found["per_second"], "p50_ms": found["p50_ms"], "p95_ms": found["p95_ms"],
        "times_bare": ratio,
    }  # fmt: skip


if __name__ == "__main__":
    main()
