"""The port that asks the graph: what hangs on what, in keys; whether somebody may see it is asked of the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from hopper.common.errors import HopperError

MOST = 10_000  # keys in an answer, and nodes that a walk leaves: what is beyond is cut off


class GraphTooSlow(HopperError):
    """The graph answers, but this question takes it too long."""

    code = "graph_too_slow"
    status = 503


class Hop(NamedTuple):
    """A time that a task was offered to an instance; `key` is the delegation's."""

    key: str
    task: str
    instance: str
    type: str
    status: str
    delegated_at: datetime


HOP = ("pk", "task", "target_instance", "delegation_type", "status", "delegated_at")  # its columns of a delegation


def in_order(hops: Iterable[Hop]) -> list[Hop]:
    """Return the hops in the order they were made, whatever the database takes for order."""
    return sorted(hops, key=lambda hop: (hop.delegated_at, hop.key))


class Pair(NamedTuple):
    """Two tags, in alphabetical order, and how many tasks carry both."""

    first: str
    second: str
    weight: int


@dataclass(frozen=True)
class Sight:
    """Which tasks count: those of these projects and places (None: all), and none of the closed places."""

    projects: Sequence[str] | None = None
    places: Sequence[str] | None = None
    closed: Sequence[str] = ()


@dataclass(frozen=True)
class Lineage:
    """The tasks from the root down, itself, its subtasks level by level; and the hops of each, in their order."""

    tasks: list[str]
    hops: Mapping[str, list[Hop]]


@dataclass(frozen=True)
class Stopped:
    """The open tasks that stop if an instance is away, each in the first list that it fits, and the projects served.

    here: at the instance · below: at one below it · delegated: handed to one of them, the hop being open ·
    waiting: for one of those, directly or through others, the nearest first.
    """

    here: list[str]
    below: list[str]
    delegated: list[str]
    waiting: list[str]
    projects: list[str]


class GraphQuestions(Protocol):
    """Answers from the graph, the same in every adapter and in the same order.

    Walks take each node once, so that a circle ends, and stop after `MOST` of them. What is not there has no
    neighbours. Every method raises GraphUnavailable if the graph does not answer, GraphTooSlow if not in time.
    """

    name: str

    def path_to_root(self, instance: str) -> list[str]:
        """Return the instance, the one above it, and so on up to the root."""

    def delegation_chain(self, task: str) -> list[Hop]:
        """Return every hop of the task, in the order they were made."""

    def blocked_by(self, task: str) -> list[str]:
        """Return the tasks that wait for this one, directly or through others: the nearest first, then by id."""

    def lineage_of(self, task: str) -> Lineage:
        """Return what the task is part of and what is part of it, with the hops of each."""

    def tags_together(self, *, least: int, sight: Sight) -> list[Pair]:
        """Return the pairs of tags that at least so many tasks carry both, the commonest first, then by name."""

    def patterns_to(self, instance: str, *, least: float) -> list[str]:
        """Return the patterns that route to the instance and are at least so sure, the surest first, then by id.

        One that names no instance routes to the one that serves its project.
        """

    def stopped_without(self, instance: str) -> Stopped:
        """Return what stops if the instance is away, with everything below it."""

    def open_blockers(self, task: str) -> list[tuple[str, str]]:
        """Return, in no order, each wait on the way from the task through open tasks only: who waits, and for whom."""


def lineage(levels: Mapping[str, int], hops: Iterable[Hop]) -> Lineage:
    """Put the tasks, given with their distance below (above: negative) the one asked about, in order."""
    by_task: dict[str, list[Hop]] = {}
    for hop in in_order(hops):
        by_task.setdefault(hop.task, []).append(hop)
    return Lineage(sorted(levels, key=lambda key: (levels[key], key))[:MOST], by_task)
