"""Walks over edges that were read already: plain values, no rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

DEEPEST = 1000  # levels of a walk


def by_distance(starts: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Return what the edges lead to from the starts, without these: the nearest first, then by key."""
    onward = _onward(edges)
    found: list[str] = []
    level = seen = set(starts)
    for _ in range(DEEPEST):
        level = {far for near in level for far in onward[near]} - seen
        if not level:
            break
        seen = seen | level
        found += sorted(level)
    return found


def longest_chain(end: str, waits: Iterable[tuple[str, str]], cost: Callable[[str], int]) -> list[str]:
    """Return the dearest chain of blockers that ends in `end`, its first blocker first; of equal ones the lesser key's.

    A wait that closes a circle does not count.
    """
    blockers = _onward(waits)
    dearest: dict[str, tuple[int, str | None]] = {}
    for key in _blockers_first(end, blockers):
        done = [(-dearest[other][0], other) for other in blockers[key] if other in dearest]
        before = min(done, default=None)
        dearest[key] = (cost(key) - before[0], before[1]) if before else (cost(key), None)
    return list(_followed(end, dearest))[::-1]


def _onward(edges: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    onward: dict[str, list[str]] = defaultdict(list)
    for near, far in sorted(edges):
        onward[near].append(far)
    return onward


def _blockers_first(end: str, blockers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield `end` and all that it waits for, each once and after its own blockers; without recursion."""
    seen, way = {end}, [(end, iter(blockers[end]))]
    while way:
        key, rest = way[-1]
        onward = next((other for other in rest if other not in seen), None)
        if onward is None:
            way.pop()
            yield key
        else:
            seen.add(onward)
            way.append((onward, iter(blockers[onward])))


def _followed(end: str, dearest: Mapping[str, tuple[int, str | None]]) -> Iterator[str]:
    key: str | None = end
    while key is not None:
        yield key
        key = dearest[key][1]
