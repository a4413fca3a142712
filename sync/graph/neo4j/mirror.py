"""The mirror in Neo4j: states in, each guarded by its version (docs/adr/0029-graph-mirror.md)."""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from typing import Any, TypeVar

from django.conf import settings
from neo4j import ManagedTransaction
from neo4j.time import DateTime

from sync.graph.base import KEYS, OWN, Edge, Node, Stray, Way
from sync.graph.neo4j import statements
from sync.graph.neo4j.driver import Row, ask_in, read, run, stream, write

AT_ONCE = 1000
PAIRS_AT_ONCE = 5000
Result = TypeVar("Result")
_prepared: set[tuple[int, str]] = set()


class Neo4jMirror:
    """Writes nodes by MERGE under a uniqueness constraint, a batch in one transaction."""

    def prepare(self) -> None:
        """Make the constraints and the index that are missing."""
        for name, statement in statements.CONSTRAINTS.items():
            run(statement.format(name=name))
        _prepared.add(_here())

    def apply(self, nodes: Sequence[Node]) -> None:
        """Let the graph show these states; of several of one row the latest."""
        if _here() not in _prepared:
            self.prepare()
        latest = {(node.label, node.key): node for node in sorted(nodes, key=lambda node: node.version)}
        _write(lambda transaction: _apply(transaction, list(latest.values())))

    def nodes(self, label: str, keys: Sequence[str]) -> dict[str, Node]:
        """Return those of the nodes that there are, by key."""
        return {row["key"]: _node(label, row) for row in read(statements.shown(label), keys=list(keys))}

    def versions(self, label: str) -> Iterator[dict[str, int]]:
        """Yield the versions of all nodes of the label, or of all traces, by key."""
        for rows in stream(statements.versions(label), size=AT_ONCE):
            yield {row["key"]: row["version"] for row in rows}

    def forget(self, label: str, keys: Sequence[str]) -> None:
        """Set the nodes back to a version below any other, and remove what is left of deleted ones."""
        if keys:
            _write(lambda transaction: ask_in(transaction, statements.forget(label), keys=list(keys)))

    def strays(self) -> list[Stray]:
        """Return the nodes of our labels without a key, and the relationships that no label owns."""
        found = stream(statements.STRAYS, size=AT_ONCE, **_owned())
        return sorted(Stray(**row) for rows in found for row in rows)

    def remove_strays(self) -> int:
        """Remove them; return how many."""
        return sum(_count(statement, **_owned()) for statement in statements.REMOVE_STRAYS)

    def count_tags_together(self) -> int:
        """Count for each pair of tags the tasks that carry both, and forget pairs and tags that nothing carries."""
        total = 0
        for pairs in stream(statements.TAGS_TOGETHER, size=PAIRS_AT_ONCE):
            _count(statements.WEIGH, pairs=pairs)
            total += len(pairs)
        for statement in (statements.DROP_PAIRS, statements.DROP_TAGS):
            while _count(statement):
                pass
        return total

    def purge(self, *, days: int) -> int:
        """Remove the traces of rows that were deleted so many days ago."""
        return _count(statements.PURGE, days=days)

    def counts(self) -> dict[str, int]:
        """Return how many nodes there are by label, and relationships by type."""
        return {row["name"]: row["count"] for row in read(statements.COUNTS)}

    def missing_constraints(self) -> list[str]:
        """Return the names of the constraints that are not there."""
        known = {row["name"] for row in read("SHOW CONSTRAINTS YIELD name")}
        return sorted(statements.CONSTRAINTS.keys() - known)


def _write(work: Callable[[ManagedTransaction], Result]) -> Result:
    """Do the work in a transaction that no other one of ours runs beside."""

    def alone(transaction: ManagedTransaction) -> Result:
        ask_in(transaction, statements.LOCK)
        return work(transaction)

    return write(alone)


def _count(statement: str, **parameters: Any) -> int:
    """Return how many rows the statement wrote."""
    rows = _write(lambda transaction: ask_in(transaction, statement, **parameters))
    return int(rows[0]["count"])


def _here() -> tuple[int, str]:
    """Return what constraints are made once for: this process, and the server it speaks to."""
    return os.getpid(), settings.NEO4J_URL


def _apply(transaction: ManagedTransaction, nodes: Sequence[Node]) -> None:
    for label in dict.fromkeys(node.label for node in nodes):
        there = [node for node in nodes if node.label == label and node.exists]
        gone = [node for node in nodes if node.label == label and not node.exists]
        if there:
            _show(transaction, label, there)
        if gone:
            ends = [{"key": node.key, "v": node.version} for node in gone]
            ask_in(transaction, statements.bury(label), ends=ends)


def _show(transaction: ManagedTransaction, label: str, nodes: Sequence[Node]) -> None:
    """Show the states that are news, and replace their relationships."""
    states = [{**node.properties, KEYS[label]: node.key, "v": node.version} for node in nodes]
    fresh = {row["key"] for row in ask_in(transaction, statements.show(label), states=states)}
    late = [node.key for node in nodes if node.key not in fresh]
    if late:
        ask_in(transaction, statements.drop_remains(label), keys=late)
    if fresh:
        ask_in(transaction, statements.cut(label), keys=list(fresh))
    for way in OWN[label]:
        edges = [_told(node, edge) for node in nodes if node.key in fresh for edge in node.edges if _goes(edge, way)]
        if edges:
            ask_in(transaction, statements.link(label, way), edges=edges)


def _told(node: Node, edge: Edge) -> list[Any]:
    """Return an edge as briefly as can be: the driver takes longer to write it than Neo4j to read it."""
    return [node.key, edge.key, dict(edge.properties)] if edge.properties else [node.key, edge.key]


def _goes(edge: Edge, way: Way) -> bool:
    return (edge.type, edge.label, edge.outgoing) == (way.type, way.label, way.outgoing)


def _node(label: str, row: Row) -> Node:
    shown = _plain(row["shown"])
    version = shown.pop("v", None)
    shown.pop(KEYS[label])
    edges = tuple(
        Edge(type, far_label, far_key, _plain(properties), outgoing)
        for type, far_label, far_key, properties, outgoing in row["edges"]
    )
    return Node(label, row["key"], version if isinstance(version, int) else -1, shown, edges)


def _plain(properties: Row) -> Row:
    """Return the properties with moments as our rows have them."""
    return {
        name: value.to_native().astimezone(UTC) if isinstance(value, DateTime) else value
        for name, value in properties.items()
    }


def _owned() -> dict[str, list[str]]:
    """Return which relationships each label owns, as `label type` and `type label`."""
    ways = [(label, way) for label, owned in OWN.items() for way in owned]
    return {
        "outgoing": [f"{label} {way.type}" for label, way in ways if way.outgoing],
        "incoming": [f"{way.type} {label}" for label, way in ways if not way.outgoing],
    }
