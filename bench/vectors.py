"""Nearest neighbours among tasks: recall, speed, and the ORM beside the same SQL sent by bare psycopg.

100,000 x 1,536 and 1,000,000 x 384 vectors, by HNSW (the product's index) and by ivfflat (100 lists, 10 probes).
`1 % far` asks among tasks that lie at the other end of space. It runs in a PostgreSQL of its own, which is
removed at the end, or in the empty database that BENCH_DATABASE_URL names.
"""

import os
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

from bench.filling import MODEL, fill, groups_of, index
from bench.latent import Cloud, Floats, Latent, nearest
from bench.timing import arguments, interleave, scratch_database, scratch_postgres, show, summary, told

WANTED = 10
QUESTIONS = 50
FULL = ((100_000, 1536), (1_000_000, 384))
QUICK = ((20_000, 384),)
KINDS = ("hnsw", "ivfflat")
SETTINGS = "SET ivfflat.probes = 10; SET ivfflat.iterative_scan = relaxed_order"  # HNSW's are the product's own


def main() -> None:
    options = arguments(__doc__)
    with scratch_postgres():
        scratch_database()
        rows = [row for size in (QUICK if options.quick else FULL) for row in measure(*size)]
        title = "Nearest 10; the column as wide as the vectors; ms of the ORM, and its ratio to the same SQL by psycopg"
        show(rows, title=title, as_json=options.json)


def measure(count: int, dimensions: int) -> Iterator[dict[str, Any]]:
    """Return the rows of the table for that many vectors."""
    latent = Latent(dimensions)
    cloud, asked = latent.draw(count), latent.draw(1000)
    groups = groups_of(cloud)
    with connect() as db:
        told(f"{count:,} x {dimensions} loaded in {fill(db, cloud, groups)} s")
        use_settings(db)
        for kind in KINDS:
            seconds, size = index(db, kind)
            told(f"{kind} built in {seconds} s, {size} MB")
            for group, among in groups.items():
                questions = farthest(asked) if "far" in group else asked.vectors[:QUESTIONS]
                truth = nearest(cloud, questions, among, WANTED)
                build = {"vectors": f"{count:,} x {dimensions}", "index": kind, "build_s": seconds, "MB": size}
                yield build | {"among": group} | ask(db, group, questions, truth)


def farthest(asked: Cloud) -> Floats:
    """Return the questions that lie at the end of the first hidden direction where no far task is."""
    return asked.vectors[asked.along.argsort()[-QUESTIONS:]]


def ask(db: Any, group: str, questions: Floats, truth: list[set[int]]) -> dict[str, Any]:
    """Ask every question by the ORM, and its very statements by bare psycopg, in turn."""
    asked = [vector.tolist() for vector in questions]
    answers, statements = zip(*(listen(group, vector) for vector in asked), strict=True)
    found = [{int(task.pk) for task in answer} for answer in answers]
    half = len(asked) // 2  # else the second to ask the same finds its pages warm
    by_orm, by_sql = cycle(asked), cycle(statements[half:] + statements[:half])
    times = interleave(
        {"orm": lambda: similar(group, next(by_orm)), "sql": lambda: replay(db, next(by_sql))},
        rounds=2 * QUESTIONS, each=1,
    )  # fmt: skip
    orm, sql = summary(times["orm"]), summary(times["sql"])
    hits = sum(len(mine & true) for mine, true in zip(found, truth, strict=True))
    return {
        "recall": round(hits / (WANTED * len(truth)), 3),
        "fewest": min(map(len, found)),
        "per_s": orm["per_second"],
        "p50": orm["p50_ms"],
        "p95": orm["p95_ms"],
        "sql_p50": sql["p50_ms"],
        "ratio": round(orm["p50_ms"] / sql["p50_ms"], 2),
    }


def similar(group: str, vector: list[float]) -> list[Any]:
    """Return the tasks nearest to the vector, as the product asks for them."""
    from tasks.models import Task

    tasks = Task.objects.all()
    if group == "1 % far":
        tasks = tasks.tagged("far")
    elif group != "all":
        tasks = tasks.in_project(group)
    return tasks.nearest_to(vector, model=MODEL, count=WANTED)


def listen(group: str, vector: list[float]) -> tuple[list[Any], list[tuple[str, Any]]]:
    """Return the answer, and the statements with their parameters that brought it."""
    from django.db import connection

    heard = []

    def hear(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        heard.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(hear):
        return similar(group, vector), heard


def replay(db: Any, statements: list[tuple[str, Any]]) -> None:
    """Send the statements and read what comes back."""
    for sql, params in statements:
        db.execute(sql, params).fetchall()


def connect() -> Any:
    """Return a bare connection that sends what Django sends: equal bytes, for a prepared statement is planned anew."""
    import psycopg
    from django.db import connection
    from pgvector.psycopg import register_vector

    options = connection.settings_dict["OPTIONS"]["options"]
    db = psycopg.connect(
        os.environ["DATABASE_URL"], autocommit=True, options=options, cursor_factory=psycopg.ClientCursor
    )
    register_vector(db)
    return db


def use_settings(db: Any) -> None:
    """Make both connections probe ivfflat alike."""
    from django.db import connection

    db.execute(SETTINGS)
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)


if __name__ == "__main__":
    main()
