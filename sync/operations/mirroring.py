"""Carrying changes into the graph: by deliveries as they happen, or all rows anew."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from hopper.events import operations as events
from hopper.events.models import Delivery
from routing.models import Delegation, Pattern
from sync.graph import TRACE, GraphMirror, GraphRefused, GraphUnavailable, get_mirror
from sync.operations.reading import SUBJECTS, existing, pages, read_nodes, versions_of

CONSUMER = "graph"
BATCH = 200
PAGE = 500
# Shorter than the usual half minutes: the graph shows the rows within a minute of an outage with killed workers.
LEASE = timedelta(seconds=15)
PROBE_SECONDS = 10.0
KEPT_DAYS = 7  # of what is left of deleted rows: longer than any delivery of an older state can be under way

Keys = Sequence[str]
Tick = Callable[[str, int], None]


@dataclass
class Rebuilt:
    """What a rebuild came to: rows shown, nodes and relationships removed, pairs of tags."""

    shown: int = 0
    removed: int = 0
    tag_pairs: int = 0


def mirror_waiting(*, limit: int = 10_000) -> int:
    """Carry into the graph what has changed; return how many deliveries were taken in."""
    return events.drain(CONSUMER, _take_in, batch=BATCH, limit=limit, lease=LEASE)


def _take_in(deliveries: Sequence[Delivery]) -> None:
    """Show the rows that the deliveries speak of, as they now stand.

    :raises DeliveryFailed: if the graph is away, or does not take them
    """
    mirror = get_mirror()
    nodes = [node for label, keys in _touched(deliveries).items() for node in read_nodes(label, sorted(keys))]
    try:
        mirror.apply(nodes)
    except GraphUnavailable as error:
        raise events.DeliveryFailed(error.message, is_outage=True, retry_after=PROBE_SECONDS) from error
    except GraphRefused as error:
        raise events.DeliveryFailed(error.message) from error


def _touched(deliveries: Iterable[Delivery]) -> dict[str, set[str]]:
    """Return the keys of the rows whose nodes change, by label."""
    changed: dict[str, set[str]] = {}
    for delivery in deliveries:
        changed.setdefault(delivery.aggregate_type, set()).add(delivery.aggregate_id)
    touched = {label: changed.get(subject.aggregate, set()) for label, subject in SUBJECTS.items()}
    hops = changed.get(Delegation._meta.label_lower, set())
    touched["Task"] |= set(Delegation.objects.filter(pk__in=hops).values_list("task_id", flat=True))
    touched["Pattern"] |= _patterns_that_name(touched)
    return touched


def _patterns_that_name(changed: dict[str, set[str]]) -> set[str]:
    """Return the patterns that name one of the rows by their text, which may have come or gone."""
    named = {
        "target_instance__in": changed["Instance"], "target_project__in": changed["Project"],
        "derived_from__in": changed["Pattern"],
    }  # fmt: skip
    any_of = Q(pk__in=())
    for condition, keys in named.items():
        any_of |= Q((condition, keys)) if keys else Q(pk__in=())
    return set(Pattern.objects.filter(any_of).values_list("pk", flat=True)) if any(named.values()) else set()


def rebuild_graph(*, tick: Tick = lambda label, count: None) -> Rebuilt:
    """Write every row into the graph and remove what no row stands for; changes delivered meanwhile are kept.

    :raises GraphUnavailable: if the graph does not answer
    """
    mirror, done = get_mirror(), Rebuilt()
    mirror.prepare()
    _dig_up(mirror)
    for label in SUBJECTS:
        for keys in pages(label, PAGE):
            mirror.apply(read_nodes(label, keys))
            done.shown += len(keys)
            tick(label, len(keys))
    done.removed = sum(_correct(mirror, label) for label in SUBJECTS) + mirror.remove_strays()
    done.tag_pairs = refresh_tags()
    return done


def _correct(mirror: GraphMirror, label: str) -> int:
    """Remove nodes without a row, and show anew those that are ahead of their rows; return how many were removed."""
    removed = 0
    for seen in mirror.versions(label):
        bogus = seen.keys() - {""} - existing(label, seen)
        ahead = {key for key, version in versions_of(label, list(seen)).items() if seen[key] > version}
        if bogus | ahead:
            mirror.forget(label, sorted(ahead))
            mirror.apply(read_nodes(label, sorted(bogus | ahead)))
        removed += len(bogus)
    return removed


def _dig_up(mirror: GraphMirror) -> None:
    """Remove the traces of rows that exist again: they were restored, or loaded without an event."""
    for seen in mirror.versions(TRACE):
        ended: dict[str, list[str]] = {}
        for trace in seen:
            label, _, key = trace.partition(":")
            ended.setdefault(label, []).append(key)
        for label in ended.keys() & SUBJECTS.keys():  # a trace that somebody edited may name no label
            keys = ended[label]
            mirror.forget(label, sorted(existing(label, keys)))


def refresh_tags() -> int:
    """Count which tags stand together, and forget long deleted rows; return how many pairs there are."""
    mirror = get_mirror()
    mirror.purge(days=KEPT_DAYS)
    return mirror.count_tags_together()
