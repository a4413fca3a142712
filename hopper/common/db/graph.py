"""Locks and walks over parent and dependency rows, alike on both databases."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Func, Q, Subquery
from django.db.models.expressions import RawSQL

MAX_DEPTH = 16
MOST_LISTED = 100  # ids of a branch; a row by key is read more slowly with more, and a list hardly faster

LISTED = {"postgresql": "SELECT unnest(%s::text[])", "sqlite": "SELECT value FROM json_each(%s)"}  # one parameter


def graph_lock(name: str) -> None:
    """Let one transaction at a time change the named graph; held until it ends.

    Two check-then-insert writers close a cycle even under `FOR UPDATE` (reliability.md M4). On SQLite
    every transaction is IMMEDIATE, so the lock is held already.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"hopper:{name}"])


class Edge(NamedTuple):
    """Rows of a table that lead from the node in one column to the node in another."""

    table: str
    source: str
    target: str


def reachable(start: str, *edges: Edge) -> set[str]:
    """Return `start` and every id that can be reached from it over any of the edges; each node is visited once."""
    walk = f"WITH RECURSIVE walk(id) AS (SELECT CAST(%s AS text) UNION {_steps(edges)}) SELECT id FROM walk"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(walk, [start])
        return {key for (key,) in cursor.fetchall()}


def _steps(edges: Iterable[Edge]) -> str:
    """Return the recursive terms: one for each edge on SQLite, where PostgreSQL allows one and wants it lateral."""
    named = [tuple(connection.ops.quote_name(name) for name in edge) for edge in edges]
    if connection.vendor == "postgresql":
        rows = " UNION ALL ".join(f"SELECT {to} AS t FROM {table} WHERE {of} = walk.id" for table, of, to in named)  # noqa: S608
        return f"SELECT CAST(r.t AS text) FROM walk CROSS JOIN LATERAL ({rows}) r WHERE r.t IS NOT NULL"  # noqa: S608
    return " UNION ".join(
        f"SELECT r.{to} FROM walk JOIN {table} r ON r.{of} = walk.id WHERE r.{to} IS NOT NULL"  # noqa: S608
        for table, of, to in named
    )


def edges_from(starts: Sequence[str], edge: Edge, *, most: int, where: str = "TRUE") -> list[tuple[str, str]]:
    """Return the edges, as source and target, on every way from the starts: one query, in which a node is left once.

    Nodes are left level by level until `most` were. `where` is SQL about the target, {node}, of edges that count.
    """
    table, source, target = (connection.ops.quote_name(name) for name in edge)
    counts = where.format(node=f"r.{target}")
    walk = f"""
        WITH RECURSIVE walk(id) AS (
            {LISTED[connection.vendor]} UNION
            SELECT CAST(r.{target} AS text) FROM walk JOIN {table} r ON r.{source} = walk.id WHERE {counts}
        )
        SELECT r.{source}, r.{target} FROM (SELECT id FROM walk LIMIT {most:d}) walk
        JOIN {table} r ON r.{source} = walk.id WHERE {counts}"""  # noqa: S608 - names of our own tables
    with connection.cursor() as cursor:
        cursor.execute(walk, [list(starts) if connection.vendor == "postgresql" else json.dumps(list(starts))])
        return list(cursor.fetchall())


def steps_up(start: str, table: str, *, most: int = MAX_DEPTH) -> dict[str, int]:
    """Return the node of a tree and all above it by `parent_id`, with their distance in steps: `start` is at 0."""
    return _steps_along(start, Edge(table, "id", "parent_id"), most)


def steps_down(start: str, table: str, *, most: int = MAX_DEPTH) -> dict[str, int]:
    """Return the node of a tree and all below it by `parent_id`, with their distance in steps: `start` is at 0."""
    return _steps_along(start, Edge(table, "parent_id", "id"), most)


def levels_around(start: str, table: str) -> dict[str, int]:
    """Return the node of a tree with all above it, at -1, -2 and so on, and all below it, at 1, 2 and so on."""
    return steps_down(start, table) | {key: -steps for key, steps in steps_up(start, table).items()}


def _steps_along(start: str, edge: Edge, most: int) -> dict[str, int]:
    """Follow the edge for at most so many steps, so that a cycle in the rows ends instead of running for ever."""
    rows, src, dst = (connection.ops.quote_name(name) for name in edge)
    walk = f"""
        WITH RECURSIVE walk(id, depth) AS (
            SELECT CAST(%s AS text), 0
            UNION
            SELECT CAST(r.{dst} AS text), walk.depth + 1 FROM {rows} r JOIN walk ON r.{src} = walk.id
            WHERE r.{dst} IS NOT NULL AND walk.depth < %s
        )
        SELECT id, MIN(depth) FROM walk GROUP BY id
    """  # noqa: S608 - the names are quoted table and column names of our own models
    with connection.cursor() as cursor:
        cursor.execute(walk, [start, most])
        return dict(cursor.fetchall())


def subtree_sql(
    table: str, *, key: str = "id", parent: str = "parent_id", count: int = 1, depth: int = MAX_DEPTH
) -> str:
    """Return SQL that lists the ids of `count` nodes (parameters; 0: the roots) and of what is below them, in one CTE.

    It stands without brackets: RawSQL adds its own, and SQLite takes `IN ((SELECT …))` for the first row alone.
    """
    top = f"{key} IN ({', '.join(['%s'] * count)})" if count else f"{parent} IS NULL"
    return f"""
        WITH RECURSIVE below(id, depth) AS (
            SELECT {key}, 0 FROM {table} WHERE {top}
            UNION
            SELECT n.{key}, below.depth + 1 FROM {table} n JOIN below ON n.{parent} = below.id
            WHERE below.depth < {depth:d}
        ) SELECT id FROM below"""  # noqa: S608 - names of our own tables; values are parameters


def in_subtree(column: str, keys: Sequence[str], *, table: str) -> Q:
    """Return the condition that the column names one of these nodes or one below them, for rows of another table.

    The ids are read here and now: PostgreSQL cannot guess how many there are, and for a single one it read half of
    all rows in the order of the list. Where there are many, its guess is near enough.
    """
    walk = subtree_sql(table, count=len(keys))
    with connection.cursor() as cursor:
        cursor.execute(f"{walk} LIMIT {MOST_LISTED + 1}", list(keys))
        below = [key for (key,) in cursor.fetchall()]
    if len(below) > MOST_LISTED:
        return Q((f"{column}__in", RawSQL(walk, list(keys))))  # noqa: S611 - names are ours, values are parameters
    return Q(AnyOf(column, below))


class AnyOf(Func):
    """Whether a column has one of the values, which PostgreSQL gets as one parameter and plans for as it gets them."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: Any, values: Sequence[str]) -> None:
        super().__init__(column)
        self.values = list(values)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"{sql} = ANY(%s)", [*parameters, self.values]

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        sql, parameters = compiler.compile(self.source_expressions[0])
        return f"{sql} IN ({', '.join(['%s'] * len(self.values))})", [*parameters, *self.values]


def path_sql(table: str, *, key: str = "id", parent: str = "parent_id", count: int = 1) -> str:
    """Return SQL that lists the ids of `count` nodes (parameters) and of all above them, in one CTE; no brackets."""
    marks = ", ".join(["%s"] * count)
    return f"""
        WITH RECURSIVE above(id, parent, depth) AS (
            SELECT {key}, {parent}, 0 FROM {table} WHERE {key} IN ({marks})
            UNION
            SELECT n.{key}, n.{parent}, above.depth + 1 FROM {table} n JOIN above ON n.{key} = above.parent
            WHERE above.depth < {MAX_DEPTH}
        ) SELECT id FROM above"""  # noqa: S608 - names of our own tables; values are parameters


class Below(Subquery):
    """The keys that a subquery of a tree's own rows gives, and of all below them."""

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        table = connection.ops.quote_name(self.query.get_meta().db_table)
        template = (
            f"(WITH RECURSIVE below(id) AS (%(subquery)s UNION SELECT n.id FROM {table} n JOIN below "  # noqa: S608
            "ON n.parent_id = below.id) SELECT id FROM below)"
        )
        return super().as_sql(compiler, connection, template=template, **extra)
