"""Comparing the graph with the rows, and mending what differs."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hopper.events.models import Delivery
from routing.models import Delegation
from sync.graph import GraphMirror, get_mirror
from sync.mirror import Difference, compare, far_ends
from sync.models import GraphCheck
from sync.operations.mirroring import CONSUMER, PAGE, Keys, Tick, mirror_waiting
from sync.operations.reading import SUBJECTS, existing, pages, read_nodes, versions_of

KEPT = timedelta(days=30)


@dataclass
class Comparison:
    """How the graph differs from the rows; `skipped` rows are still under way to it, so nobody can tell."""

    differences: list[Difference] = field(default_factory=list)
    skipped: int = 0

    @property
    def counted(self) -> list[Difference]:
        return [one for one in dict.fromkeys(self.differences) if not one.with_its_end]

    def by_kind(self) -> dict[str, int]:
        return dict(Counter(one.kind for one in self.counted))


def reconcile_graph(*, repair: bool, tick: Tick = lambda label, count: None) -> tuple[GraphCheck, Comparison]:
    """Compare the graph with the rows, mend it if that is wanted, and keep the result; return it with the differences.

    :raises GraphUnavailable: if the graph does not answer
    """
    began = time.monotonic()
    found = compare_graph(tick=tick)
    left = len(found.counted)
    if repair and found.differences:
        _repair(found)
        left = min(left, len(compare_graph().counted))
    return _keep(found, left, time.monotonic() - began), found


@transaction.atomic
def _keep(found: Comparison, left: int, seconds: float) -> GraphCheck:
    GraphCheck.objects.older_than(timezone.now() - KEPT).delete()
    return GraphCheck.objects.create(
        differences=found.by_kind(), found=len(found.counted), left=left, skipped=found.skipped,
        seconds=round(seconds, 3),
    )  # fmt: skip


def compare_graph(*, tick: Tick = lambda label, count: None) -> Comparison:
    """Compare every node that a row stands for, and look for what no row stands for."""
    mirror, found = get_mirror(), Comparison()
    for label in SUBJECTS:
        for keys in pages(label, PAGE):
            _compare_page(mirror, label, keys, found)
            tick(label, len(keys))
        found.differences += _bogus(mirror, label)
    found.differences += [Difference("bogus", *stray) for stray in mirror.strays()]
    return found


def _compare_page(mirror: GraphMirror, label: str, keys: Keys, found: Comparison) -> None:
    """Compare the rows with their nodes.

    Open deliveries are looked up after the rows and before the graph, and versions once more after that: a row that
    changed meanwhile, or whose change is still under way, is not held against the graph.
    """
    wanted = {node.key: node for node in read_nodes(label, keys)}
    waiting = _under_way(label, keys)
    shown = mirror.nodes(label, [key for key in keys if key not in waiting])
    differ = [key for key in keys if key not in waiting and wanted[key] != shown.get(key)]
    after = versions_of(label, differ)
    settled = [key for key in differ if after[key] == wanted[key].version and wanted[key].exists]
    absent = _absent(mirror, {end for key in settled for end in far_ends(wanted[key], shown.get(key))})
    for key in settled:
        found.differences += compare(wanted[key], shown.get(key), absent)
    found.differences += [Difference("missing", *end) for end in sorted(absent) if end[0] == "Tag"]
    found.skipped += len(waiting)


def _absent(mirror: GraphMirror, ends: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the far ends that are not in the graph."""
    by_label: dict[str, list[str]] = {}
    for label, key in ends:
        by_label.setdefault(label, []).append(key)
    return {
        (label, key)
        for label, keys in by_label.items()
        for key in set(keys) - mirror.nodes(label, keys).keys()
    }  # fmt: skip


def _bogus(mirror: GraphMirror, label: str) -> Iterator[Difference]:
    """Yield the nodes that no row stands for and whose end is not under way, if a second look still finds them."""
    for seen in mirror.versions(label):
        keys = [key for key in seen if key]
        alone = set(keys) - existing(label, keys)
        alone -= _under_way(label, alone)
        if alone:
            yield from (Difference("bogus", label, key) for key in sorted(mirror.nodes(label, sorted(alone))))


def _under_way(label: str, keys: Iterable[str]) -> set[str]:
    """Return the keys of the rows that still have a delivery open."""
    keys = set(keys)
    waiting = Delivery.objects.open().filter(consumer=CONSUMER)
    subject = SUBJECTS[label]
    own = waiting.filter(aggregate_type=subject.aggregate, aggregate_id__in=keys)
    found = set(own.values_list("aggregate_id", flat=True))
    if label == "Task":
        hops = waiting.filter(aggregate_type=Delegation._meta.label_lower).values("aggregate_id")
        found |= set(Delegation.objects.filter(pk__in=hops, task__in=keys).values_list("task_id", flat=True))
    return found


def _repair(found: Comparison) -> None:
    """Show the rows anew by deliveries of their own, remove what no row stands for, and wait until that is done.

    What the graph believes of their versions is forgotten first: it may be ahead, after the database was restored.
    """
    mirror = get_mirror()
    for label in SUBJECTS:
        keys = sorted({one.key for one in found.differences if one.label == label and one.key})
        if keys:
            mirror.forget(label, keys)
            there = existing(label, keys)
            mirror.apply(read_nodes(label, [key for key in keys if key not in there]))
            _deliver_again(label, sorted(there))
    mirror.remove_strays()
    while mirror_waiting():
        pass


@transaction.atomic
def _deliver_again(label: str, keys: Sequence[str]) -> None:
    """Write a delivery without an event for each row that has none open."""
    waiting = _under_way(label, keys)
    subject = SUBJECTS[label]
    rows: Any = subject.rows._default_manager.filter(pk__in=keys).values_list("pk", F("version"))
    again = [
        Delivery(
            consumer=CONSUMER, carries=Delivery.Carries.STATE, aggregate_type=subject.aggregate, aggregate_id=key,
            version=version,
        )
        for key, version in rows
        if key not in waiting
    ]  # fmt: skip
    Delivery.objects.bulk_create(again, ignore_conflicts=True)
