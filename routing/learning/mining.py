"""Finding patterns in judged episodes: what goes where, and what fails where.

Candidates are single tags, words and priorities, and pairs of them without two words. They are found in the older part
of the episodes and have to hold in the newer one, which they have not seen: a pattern counts if its lower bound
there is above one half and above the base rate of its destination; an anti-pattern if the upper bound of its success
is below one half and below the base rate. Pure, and the order in which episodes come changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from routing.learning.bounds import lower_bound, upper_bound
from routing.learning.ledger import UNKNOWN, Judged, Part, fill

OLDER_SHARE = 0.7  # of the episodes are searched; the newer rest is held out
FEWEST = 5  # trials on either side before anything is said
EVEN = 0.5
MOST_PAIRED = 200  # keys whose pairs are looked at: at most 19,900 pairs
MOST_FOUND = 1000
LOCAL = "local"
OLDER, NEWER = "older", "newer"


class Criteria(NamedTuple):
    """Tasks that carry all these keys belong to the target, or fail there."""

    keys: tuple[str, ...]
    target: str
    is_anti: bool = False


class Evidence(NamedTuple):
    """What one source saw in one window."""

    source: str
    window: str
    successes: int
    failures: int

    @property
    def trials(self) -> int:
        return self.successes + self.failures


@dataclass(frozen=True)
class Finding:
    """A pattern with its evidence; `confidence` is how often it is right at the least, by what was held out."""

    criteria: Criteria
    confidence: float
    holds: bool
    evidence: tuple[Evidence, ...]

    @property
    def trials(self) -> int:
        """Trials that were held out."""
        return sum(seen.trials for seen in self.evidence if seen.window == NEWER)


def mine(episodes: Iterable[Judged], known: Iterable[Criteria] = ()) -> list[Finding]:
    """Return the patterns that hold, surest first, and after them every other known one as it now stands."""
    known = set(known)
    ledger = fill(episodes)
    also = {key for criteria in known for key in criteria.keys}
    miner = Miner(*ledger.parts(OLDER_SHARE, fewest=FEWEST, also=also), tuple(ledger.sources))
    found = (miner.judge(criteria) for criteria in miner.candidates())
    strong = sorted((finding for finding in found if finding.holds), key=_by_sureness)
    kept = _needed(strong)[:MOST_FOUND]
    told = {finding.criteria for finding in kept}
    return kept + [miner.judge(criteria) for criteria in sorted(known - told)]


def _by_sureness(finding: Finding) -> tuple[float, int, Criteria]:
    return -finding.confidence, -finding.trials, finding.criteria


def _needed(strong: Sequence[Finding]) -> list[Finding]:
    """Drop each pair that is no surer than one of its halves alone."""
    sure = {finding.criteria: finding.confidence for finding in strong}

    def adds_something(finding: Finding) -> bool:
        keys = finding.criteria.keys
        halves = [finding.criteria._replace(keys=(key,)) for key in keys] if len(keys) > 1 else []
        return all(sure.get(half, 0.0) < finding.confidence for half in halves)

    return [finding for finding in strong if adds_something(finding)]


@dataclass
class Miner:
    """Looks for candidates in the older part, and judges them by the newer."""

    older: Part
    newer: Part
    sources: tuple[str, ...]
    _base: dict[tuple[str, str, bool], float] = field(default_factory=dict)

    def candidates(self) -> Iterator[Criteria]:
        """Yield what stands out in the older part."""
        for keys in (*((key,) for key in sorted(self.older.carriers)), *combinations(self._paired, 2)):
            if sum(_is_word(key) for key in keys) < 2:
                yield from self._standing_out(tuple(sorted(keys)))

    @cached_property
    def _paired(self) -> list[str]:
        """The keys whose pairs are looked at: tags and priorities, then words that lean to some place."""
        carriers = self.older.carriers
        leaning = [key for key in carriers if not _is_word(key) or self._leans(key)]
        return sorted(leaning, key=lambda key: (_is_word(key), -len(carriers[key]), key))[:MOST_PAIRED]

    def _leans(self, key: str) -> bool:
        counts = self._counts((key,))
        if not counts.sum():
            return False
        most = int(counts.argmax())
        return lower_bound(counts[most], counts.sum()) > self._base_rate(OLDER, self.older.names[most], is_anti=False)

    def _counts(self, keys: Sequence[str]) -> np.ndarray:
        right = self.older.right[self.older.rows_with(keys)]
        return np.bincount(right[right != UNKNOWN], minlength=len(self.older.places))

    def _standing_out(self, keys: tuple[str, ...]) -> Iterator[Criteria]:
        rows = self.older.rows_with(keys)
        if len(rows) < FEWEST:
            return
        right, chosen = self.older.right[rows], self.older.chosen[rows]
        places = len(self.older.places)
        belongs = np.bincount(right[right != UNKNOWN], minlength=places)
        went = np.bincount(chosen[chosen != UNKNOWN], minlength=places)
        well = np.bincount(chosen[(chosen == right) & (chosen != UNKNOWN)], minlength=places)
        failing = np.flatnonzero((went >= FEWEST) & (well < went * EVEN))
        majority = np.flatnonzero(belongs > belongs.sum() * EVEN)
        for numbers, is_anti in ((majority, False), (failing, True)):
            for number in numbers:
                criteria = Criteria(keys, self.older.names[number], is_anti)
                if self._stands(OLDER, criteria, *self._tally(self.older, criteria)):
                    yield criteria

    def judge(self, criteria: Criteria) -> Finding:
        """Return what the held-out part says of it.

        Our own episodes decide where there are enough; else the least favourable of the other sources.
        """
        evidence = [*self._evidence(OLDER, self.older, criteria), *self._evidence(NEWER, self.newer, criteria)]
        heard = [seen for seen in evidence if seen.window == NEWER and seen.trials >= FEWEST]
        heard = [seen for seen in heard if seen.source == LOCAL] or heard
        sureness = [_sureness(criteria, seen.successes, seen.trials) for seen in heard]
        holds = bool(heard) and all(self._stands(NEWER, criteria, seen.successes, seen.trials) for seen in heard)
        return Finding(criteria, round(min(sureness, default=0.0), 4), holds, tuple(evidence))

    def _evidence(self, window: str, part: Part, criteria: Criteria) -> Iterator[Evidence]:
        rows, good = part.trials(criteria.keys, criteria.target, chosen_only=criteria.is_anti)
        trials = np.bincount(part.source[rows], minlength=len(self.sources))
        successes = np.bincount(part.source[rows][good], minlength=len(self.sources))
        for name, number in sorted(zip(self.sources, range(len(self.sources)), strict=True)):
            if trials[number]:
                yield Evidence(name, window, int(successes[number]), int(trials[number] - successes[number]))

    def _stands(self, window: str, criteria: Criteria, successes: int, trials: int) -> bool:
        if trials < FEWEST:
            return False
        base = self._base_rate(window, criteria.target, is_anti=criteria.is_anti)
        if criteria.is_anti:
            return upper_bound(successes, trials) < min(EVEN, base)
        return lower_bound(successes, trials) > max(EVEN, base)

    def _base_rate(self, window: str, target: str, *, is_anti: bool) -> float:
        """Return how often any task belongs there; of an anti-pattern, how often what went there belonged there."""
        known = (window, target, is_anti)
        if known not in self._base:
            part = self.older if window == OLDER else self.newer
            successes, trials = self._tally(part, Criteria((), target, is_anti))
            self._base[known] = successes / trials if trials else 0.0
        return self._base[known]

    def _tally(self, part: Part, criteria: Criteria) -> tuple[int, int]:
        rows, good = part.trials(criteria.keys, criteria.target, chosen_only=criteria.is_anti)
        return int(good.sum()), len(rows)


def _sureness(criteria: Criteria, successes: int, trials: int) -> float:
    return lower_bound(trials - successes if criteria.is_anti else successes, trials)


def _is_word(key: str) -> bool:
    return key[0] not in "#!"
