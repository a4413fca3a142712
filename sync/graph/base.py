"""What every graph adapter speaks: nodes with their own edges, and one family of errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hopper.common.errors import HopperError


class GraphUnavailable(HopperError):
    """The graph does not answer; the rows are the truth, so nothing is lost."""

    code = "graph_unavailable"
    status = 503


@dataclass(frozen=True)
class Edge:
    """A relationship of one node: its type, the far end, its properties; `outgoing` False: it comes from there."""

    type: str
    label: str
    key: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    outgoing: bool = True


@dataclass(frozen=True)
class Node:
    """One row as the graph shows it, with every relationship that this row alone decides.

    `version` is that of the row's latest event: an older state never overwrites a newer one. `exists` False: the row
    was deleted, and the node loses label and relationships.
    """

    label: str
    key: str
    version: int
    properties: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    exists: bool = True


class GraphMirror(Protocol):
    """Takes in states of rows; the same state twice, or an older one later, changes nothing."""

    def prepare(self) -> None:
        """Make the uniqueness constraints, without which a MERGE can double a node."""

    def apply(self, nodes: Sequence[Node]) -> None:
        """Let the graph show these states.

        :raises GraphUnavailable: if the graph does not answer
        """

    def nodes(self, label: str) -> Iterator[Node]:
        """Return every node of the label as the graph shows it, with the edges that it owns."""
