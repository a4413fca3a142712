"""What every graph adapter speaks: nodes with their own edges, which edges those are, and one family of errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from hopper.common.errors import HopperError


class GraphUnavailable(HopperError):
    """The graph does not answer; the rows are the truth, so nothing is lost."""

    code = "graph_unavailable"
    status = 503


class GraphRefused(HopperError):
    """The graph answers, and does not take what it was told."""

    code = "graph_refused"
    status = 502


@dataclass(frozen=True)
class Edge:
    """A relationship of one node: its type, the far end, its properties; `outgoing` False: it comes from there."""

    type: str
    label: str
    key: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    outgoing: bool = True

    def place(self) -> tuple[str, str, str, str]:
        """Return what edges are put in order by."""
        return self.type, self.label, self.key, repr(sorted(self.properties.items()))


@dataclass(frozen=True)
class Node:
    """One row as the graph shows it, with every relationship that this row alone decides.

    `version` rises with each change: an older state never overwrites a newer one. `exists` False: the row was
    deleted, and the node loses label and relationships. None of the properties is None, and edges stand in one order,
    so that nodes which show the same are equal.
    """

    label: str
    key: str
    version: int
    properties: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    exists: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", tuple(sorted(self.edges, key=Edge.place)))


@dataclass(frozen=True)
class Way:
    """A type of relationship that the rows of one label decide, the label at its far end, and its direction."""

    type: str
    label: str
    outgoing: bool = True


# The property that names a node, by label.
KEYS = {"Instance": "id", "Project": "name", "Task": "id", "Pattern": "id", "Tag": "name"}
# What is left of a deleted row; its `key` is label and key of the row, with a colon between.
TRACE = "Gone"
# What each label decides; every relationship has one owner, which replaces all of its own whenever it changes.
OWN = {
    "Instance": (Way("CHILD_OF", "Instance"),),
    "Project": (Way("MANAGES", "Instance", outgoing=False),),
    "Task": (
        Way("MANAGES", "Instance", outgoing=False),
        Way("ROUTED_TO", "Project"),
        Way("SUBTASK_OF", "Task"),
        Way("DEPENDS_ON", "Task"),
        Way("BLOCKS", "Task", outgoing=False),
        Way("DELEGATED_TO", "Instance"),
        Way("HAS_TAG", "Tag"),
    ),
    "Pattern": (Way("ROUTES_TO", "Instance"), Way("DERIVED_FROM", "Pattern"), Way("MATCHES_TAG", "Tag")),
}


class Stray(NamedTuple):
    """Something that no row could stand for; `about` is empty for a node."""

    label: str
    key: str
    about: str


class GraphMirror(Protocol):
    """Takes in states of rows; the same state twice, or an older one later, changes nothing.

    Every method raises GraphUnavailable if the graph does not answer.
    """

    def prepare(self) -> None:
        """Make the uniqueness constraints, without which a MERGE can double a node."""

    def apply(self, nodes: Sequence[Node]) -> None:
        """Let the graph show these states, all or none."""

    def nodes(self, label: str, keys: Sequence[str]) -> dict[str, Node]:
        """Return those of the nodes that there are, by key, with their edges; version -1: so far only a far end."""

    def versions(self, label: str) -> Iterator[dict[str, int]]:
        """Yield the versions of all nodes of the label, or of all traces, by key, some at a time."""

    def forget(self, label: str, keys: Sequence[str]) -> None:
        """Forget the versions of these nodes, and that they ended, so that any state overwrites them."""

    def strays(self) -> list[Stray]:
        """Return the nodes of our labels without a key, and the relationships that no label owns."""

    def remove_strays(self) -> int:
        """Remove them; return how many."""

    def count_tags_together(self) -> int:
        """Bring CO_OCCURS_WITH up to date, remove tags that nothing carries, and return how many pairs there are."""

    def purge(self, *, days: int) -> int:
        """Remove the traces of rows that were deleted so long ago; return how many."""

    def counts(self) -> dict[str, int]:
        """Return how many nodes there are by label, and relationships by type."""

    def missing_constraints(self) -> list[str]:
        """Return the names of the constraints that are not there."""
