"""What the graph shows of a row, and how it differs from what it should: plain values in, no rows, no clock."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from sync.graph import Edge, Node
from sync.graph.questions import Hop

BLOCKS = "blocks"


@dataclass(frozen=True)
class InstanceRow:
    """An instance; what is None is not shown."""

    key: str
    name: str
    scope: str
    status: str
    parent: str | None = None


@dataclass(frozen=True)
class ProjectRow:
    """A project, named by its key, and the instance that serves it."""

    key: str
    slug: str
    is_active: bool
    instance: str | None = None


@dataclass(frozen=True)
class Wait:
    """A task that another waits for, and how: `blocks`, `conditional` or `waits_for_children`."""

    depends_on: str
    kind: str


@dataclass(frozen=True)
class TaskRow:
    """A task with all that hangs on it."""

    key: str
    title: str
    status: str
    priority: str
    instance: str | None = None
    project: str | None = None
    parent: str | None = None
    tags: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True)
class PatternRow:
    """A pattern; `instance` and `origin` are None unless there is such an instance, and such a pattern."""

    key: str
    name: str
    confidence: float
    instance: str | None = None
    origin: str | None = None
    tags: tuple[str, ...] = ()


def show_instance(row: InstanceRow, version: int) -> Node:
    """Show an instance below its parent."""
    shown = {"name": row.name, "scope": row.scope, "status": row.status}
    return Node("Instance", row.key, version, shown, tuple(_to("CHILD_OF", "Instance", row.parent)))


def show_project(row: ProjectRow, version: int) -> Node:
    """Show a project, managed by the instance that serves it."""
    shown = {"slug": row.slug, "is_active": row.is_active}
    return Node("Project", row.key, version, shown, tuple(_managed_by(row.instance)))


def show_task(row: TaskRow, version: int) -> Node:
    """Show a task: where it is, where it was routed, what it waits for, and every hop that it took.

    Each wait is a DEPENDS_ON, whatever its kind, as the task cannot go on before it ends; only of `blocks` is the
    other one said to block.
    """
    shown = {"title": row.title, "status": row.status, "priority": row.priority}
    edges = [
        *_managed_by(row.instance),
        *_to("ROUTED_TO", "Project", row.project),
        *_to("SUBTASK_OF", "Task", row.parent),
        *(Edge("DEPENDS_ON", "Task", wait.depends_on, {"kind": wait.kind}) for wait in row.waits),
        *(Edge("BLOCKS", "Task", wait.depends_on, outgoing=False) for wait in row.waits if wait.kind == BLOCKS),
        *map(_delegated, row.hops),
        *(Edge("HAS_TAG", "Tag", tag) for tag in row.tags),
    ]
    return Node("Task", row.key, version, shown, tuple(edges))


def show_pattern(row: PatternRow, version: int) -> Node:
    """Show a pattern: what it looks for, where it leads, and what it was derived from."""
    edges = [
        *_to("ROUTES_TO", "Instance", row.instance),
        *_to("DERIVED_FROM", "Pattern", row.origin),
        *(Edge("MATCHES_TAG", "Tag", tag) for tag in row.tags),
    ]
    return Node("Pattern", row.key, version, {"name": row.name, "confidence": row.confidence}, tuple(edges))


def show_end(label: str, key: str, version: int) -> Node:
    """Show that the row was deleted."""
    return Node(label, key, version, exists=False)


@dataclass(frozen=True)
class Difference:
    """One thing that the graph shows otherwise than the rows: `missing`, `bogus` or `changed`.

    `key` is the node's, or that of the owner of a relationship; `about` is the relationship, or empty. One that went
    `with_its_end` is no difference of its own: the node at its far end is the one that is missing.
    """

    what: str
    label: str
    key: str
    about: str = ""
    with_its_end: bool = False

    @property
    def kind(self) -> str:
        return f"{self.what} {'relationship' if self.about else 'node'}"

    def __str__(self) -> str:
        return f"{self.kind}: {self.label} {self.key} {self.about}".strip()


Ends = tuple[str, str, str]  # type, far label, far key


def compare(wanted: Node, shown: Node | None, absent: Container[tuple[str, str]] = ()) -> Iterator[Difference]:
    """Yield how a node differs from what its row says; `absent` are far ends that are not in the graph at all."""
    if shown is None or shown.version < 0:
        yield Difference("missing", wanted.label, wanted.key)
        return
    if shown.properties != wanted.properties or shown.version > wanted.version:  # ahead: it would refuse what comes
        yield Difference("changed", wanted.label, wanted.key)
    right, found = _by_ends(wanted), _by_ends(shown)
    for ends in sorted(right.keys() | found.keys()):
        missing, bogus = (right[ends] - found[ends]).total(), (found[ends] - right[ends]).total()
        both = min(missing, bogus)
        for what, count in (("changed", both), ("missing", missing - both), ("bogus", bogus - both)):
            went = what == "missing" and ends[1:] in absent
            yield from [Difference(what, wanted.label, wanted.key, " ".join(ends), went)] * count


def far_ends(wanted: Node, shown: Node | None) -> set[tuple[str, str]]:
    """Return label and key of each far end that a relationship is missing to."""
    if shown is None:
        return set()
    right, found = _by_ends(wanted), _by_ends(shown)
    return {ends[1:] for ends, edges in right.items() if edges - found[ends]}


def _by_ends(node: Node) -> dict[Ends, Counter[str]]:
    edges: dict[Ends, Counter[str]] = defaultdict(Counter)
    for type, label, key, shown in map(Edge.place, node.edges):
        edges[type, label, key][shown] += 1
    return edges


def _to(type: str, label: str, key: str | None) -> Iterable[Edge]:
    return () if key is None else (Edge(type, label, key),)


def _managed_by(instance: str | None) -> Iterable[Edge]:
    return () if instance is None else (Edge("MANAGES", "Instance", instance, outgoing=False),)


def _delegated(hop: Hop) -> Edge:
    told = {
        "delegation_id": hop.key, "type": hop.type, "status": hop.status, "delegated_at": hop.delegated_at
    }  # fmt: skip
    return Edge("DELEGATED_TO", "Instance", hop.instance, told)
