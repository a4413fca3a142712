"""Tasks and their vectors in a scratch PostgreSQL: loaded by COPY, indexed in one way or another."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.latent import Cloud

MODEL = "bench"
INDEX = "idx_task_embeddings"
BUILDS = {
    "hnsw": "hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)",  # the product's
    "ivfflat": "ivfflat (embedding vector_cosine_ops) WITH (lists = 100)",
}
SESSION = "SET maintenance_work_mem = '4GB'; SET max_parallel_maintenance_workers = 2"


def groups_of(cloud: Cloud) -> dict[str, NDArray[np.bool_]]:
    """Return which rows each filter leaves; `1 % far` lies at one end of the first hidden direction."""
    at = np.random.default_rng(1).random(len(cloud.along))
    far = cloud.along < np.quantile(cloud.along, 0.01)
    return {"all": at >= 0, "10 %": at < 0.1, "1 %": (at >= 0.1) & (at < 0.11), "1 % far": far}


def fill(db: Any, cloud: Cloud, groups: dict[str, NDArray[np.bool_]]) -> float:
    """Replace all tasks by one for each vector, and return the seconds that it took.

    The 10 % and the 1 % are projects, the far ones carry a tag. The column is narrowed to the vectors' own
    length: the product would pad them with zeros, which changes no distance and fills the disk.
    """
    begun = time.perf_counter()
    db.execute("TRUNCATE tasks, projects CASCADE")
    db.execute(f"DROP INDEX IF EXISTS {INDEX}")
    db.execute(f"ALTER TABLE task_embeddings ALTER embedding TYPE vector({cloud.vectors.shape[1]})")
    db.execute("INSERT INTO projects (name, slug) SELECT name, name FROM unnest(%s::text[]) name", [list(groups)])
    _copy(db, "tasks (id, title, description, project, tags)", "varchar varchar text varchar jsonb", _tasks(groups))
    columns = "task_embeddings (task_id, model, content_hash, embedding)"
    vectors = ((str(n), MODEL, "", vector) for n, vector in enumerate(cloud.vectors))
    _copy(db, columns, "varchar varchar varchar vector", vectors)
    db.execute("VACUUM ANALYZE tasks, task_embeddings")
    return round(time.perf_counter() - begun, 1)


def index(db: Any, kind: str) -> tuple[float, float]:
    """Build the index anew, and return the seconds and the megabytes that it took."""
    db.execute(f"DROP INDEX IF EXISTS {INDEX}")
    db.execute(SESSION)
    begun = time.perf_counter()
    db.execute(f"CREATE INDEX {INDEX} ON task_embeddings USING {BUILDS[kind]}")
    seconds = round(time.perf_counter() - begun, 1)
    (size,) = db.execute(f"SELECT pg_relation_size('{INDEX}')").fetchone()
    return seconds, round(size / 2**20)


def _tasks(groups: dict[str, NDArray[np.bool_]]) -> Iterator[tuple[Any, ...]]:
    from psycopg.types.json import Jsonb

    some, few, far = groups["10 %"], groups["1 %"], groups["1 % far"]
    for n in range(len(far)):
        project, tags = "10 %" if some[n] else "1 %" if few[n] else "all", {"far": True} if far[n] else {}
        yield str(n), f"Task {n}", f"What is to be done for task {n}. " * 8, project, Jsonb(tags)


def _copy(db: Any, table: str, types: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with db.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types.split())
        for row in rows:
            copy.write_row(row)
