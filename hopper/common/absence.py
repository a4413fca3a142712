"""Whoever outside did not answer is left alone for a while.

Each process finds out for itself, as asking the others would cost as much as asking again.
"""

from collections import defaultdict
from time import monotonic

PAUSE = 30.0  # seconds


class Absence:
    """Tells whether somebody is to be left alone; it needs no lock, as two who begin it at once agree."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        return monotonic() < self._until

    def begin(self) -> None:
        self._until = monotonic() + PAUSE

    def end(self) -> None:
        self._until = 0.0


_known: defaultdict[str, Absence] = defaultdict(Absence)


def absence_of(who: str) -> Absence:
    """Return the absence of somebody, named by an address or a model: the same for all who ask in this process."""
    return _known[who]


def forget() -> None:
    """Be as a process that has asked nobody yet."""
    for absence in _known.values():
        absence.end()


redis = absence_of("redis")  # the cache and the broker are the same server: who meets it first tells the others
