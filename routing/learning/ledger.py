"""Judged episodes as columns of numbers: a hundred thousand take some 230 MB while they are mined."""

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routing.learning.criteria import keys_of, words_of

MOST_NAMES = 300_000  # words that are remembered by name; beyond that those seen once are forgotten
SHORTEST_WORD = 3
UNKNOWN, NOWHERE = -1, -2
LABELS = ("right", "chosen", "source")

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """One judged act of routing; `right` is where the task belongs, as far as is known, and `chosen` where it went."""

    key: str
    at: float
    title: str
    description: str | None = None
    tags: tuple[str, ...] = ()
    priority: str | None = None
    right: str | None = None
    chosen: str | None = None
    source: str = "local"
    skills: tuple[str, ...] = ()

    def keys(self) -> set[str]:
        """Return what can be mined of it: short words and bare numbers are left out."""
        words = (w for w in words_of(self.title, self.description) if len(w) >= SHORTEST_WORD and not w.isdigit())
        return keys_of(self.tags, words, self.priority)


@dataclass(frozen=True)
class Part:
    """The episodes of one window, as rows in the order of time, and which of them carry which key."""

    right: Rows
    chosen: Rows
    source: Rows
    carriers: dict[str, Rows]
    places: dict[str, int]

    @cached_property
    def names(self) -> list[str]:
        """The places by number."""
        return list(self.places)

    def rows_with(self, keys: Sequence[str]) -> Rows:
        """Return the rows that carry all the keys."""
        found = sorted((self.carriers.get(key, np.zeros(0, np.int64)) for key in keys), key=len)
        rows = found[0] if found else np.arange(len(self.right))
        for others in found[1:]:
            carries = np.zeros(len(self.right), bool)
            carries[others] = True
            rows = rows[carries[rows]]
        return rows

    def trials(self, keys: Sequence[str], target: str, *, chosen_only: bool) -> tuple[Rows, NDArray[np.bool_]]:
        """Return the rows that tell whether such tasks belong to the target, and which of them say yes.

        `chosen_only` looks at those that went there; otherwise all count whose right place is known.
        """
        rows = self.rows_with(keys)
        number = self.places.get(target, NOWHERE)
        went_there, right = self.chosen[rows] == number, self.right[rows]
        counted = went_there if chosen_only else (right != UNKNOWN) | went_there
        return rows[counted], (right == number)[counted]


@dataclass
class Ledger:
    """Takes episodes in one by one, in any order."""

    numbers: dict[str, int] = field(default_factory=dict)
    seen: array = field(default_factory=lambda: array("l"))
    features: array = field(default_factory=lambda: array("i"))
    owners: array = field(default_factory=lambda: array("i"))
    columns: dict[str, list] = field(default_factory=lambda: {name: [] for name in ("key", "at", *LABELS)})
    places: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)

    def add(self, episode: Judged) -> None:
        """Take one episode in."""
        row = len(self.columns["key"])
        keys = episode.keys()
        self.features.extend(self._number(key) for key in keys)
        self.owners.extend([row] * len(keys))
        self.columns["key"].append(episode.key)
        self.columns["at"].append(episode.at)
        self.columns["right"].append(_number_in(self.places, episode.right))
        self.columns["chosen"].append(_number_in(self.places, episode.chosen))
        self.columns["source"].append(_number_in(self.sources, episode.source))

    def _number(self, key: str) -> int:
        number = self.numbers.get(key)
        if number is None:
            if len(self.numbers) >= MOST_NAMES:
                self.numbers = {name: n for name, n in self.numbers.items() if self.seen[n] > 1}
            number = self.numbers[key] = len(self.seen)
            self.seen.append(0)
        self.seen[number] += 1
        return number

    def parts(self, share: float, *, fewest: int, also: Collection[str] = ()) -> tuple[Part, Part]:
        """Return the older share of the episodes, and the newer rest.

        Keys that fewer than `fewest` of the older carry are dropped, unless they are named in `also`.
        """
        order = np.lexsort((np.array(self.columns["key"]), np.array(self.columns["at"], float)))
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        cut = int(len(order) * share)
        owners = rank[np.frombuffer(self.owners, np.int32)] if len(order) else rank
        features = np.frombuffer(self.features, np.int32)
        often = np.bincount(features[owners < cut], minlength=len(self.seen)) >= fewest
        names = {number: key for key, number in self.numbers.items() if often[number] or key in also}
        places = [slice(0, cut), slice(cut, len(order))]
        older, newer = (self._part(window, order, owners, features, names) for window in places)
        return older, newer

    def _part(
        self, window: slice, order: Rows, owners: Rows, features: NDArray[np.int32], names: dict[int, str]
    ) -> Part:
        wanted = np.zeros(len(self.seen) + 1, bool)
        wanted[list(names)] = True
        inside = (owners >= window.start) & (owners < window.stop) & wanted[features]
        rows, kinds = owners[inside] - window.start, features[inside]
        sorting = np.lexsort((rows, kinds))
        found, starts = np.unique(kinds[sorting], return_index=True)
        carriers = {
            names[int(kind)]: of_kind for kind, of_kind in zip(found, np.split(rows[sorting], starts[1:]), strict=False)
        }
        right, chosen, source = (np.array(self.columns[name], np.int64)[order][window] for name in LABELS)
        sorted_places = {name: number for number, name in enumerate(sorted(self.places))}
        numbers = np.array([*(sorted_places[name] for name in self.places), UNKNOWN], np.int64)  # -1 stays -1
        return Part(numbers[right], numbers[chosen], source, carriers, sorted_places)


def _number_in(names: dict[str, int], name: str | None) -> int:
    return UNKNOWN if name is None else names.setdefault(name, len(names))


def fill(episodes: Iterable[Judged]) -> Ledger:
    """Return a ledger of the episodes."""
    ledger = Ledger()
    for episode in episodes:
        ledger.add(episode)
    return ledger
