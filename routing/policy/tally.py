"""Two ways to decide the same tasks, compared: what moved, and which was right where that is known."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any

MOST_EXAMPLES = 20
MOST_MOVES = 200
RANKS = {"right": 2, "abstained": 1, "wrong": 0}
KINDS = ("worse", "better", "unknown", "level", "unjudged")


@dataclass(frozen=True)
class Known:
    """What is known of one task: where it was sent, whether that went well, and where it belonged."""

    tried: str | None = None
    outcome: bool | None = None
    truth: str | None = None

    @property
    def is_judged(self) -> bool:
        return self.truth is not None or self.outcome is not None

    def verdict(self, place: str | None) -> str:
        """Return right, wrong, abstained or unknown; of a place that was never tried nothing is made up."""
        if place is None:
            return "abstained"
        if self.truth is not None:
            return "right" if place == self.truth else "wrong"
        if place == self.tried and self.outcome is not None:
            return "right" if self.outcome else "wrong"
        return "unknown"


@dataclass
class Side:
    """How often one way to decide chose a place, and how often that was right."""

    routed: int = 0
    right: int = 0
    wrong: int = 0

    def add(self, place: str | None, known: Known, n: int) -> str:
        verdict = known.verdict(place)
        self.routed += n * (place is not None)
        self.right += n * (verdict == "right")
        self.wrong += n * (verdict == "wrong")
        return verdict

    def as_dict(self, total: int) -> dict[str, Any]:
        return {
            "routed": self.routed, "coverage": _share(self.routed, total), "right": self.right, "wrong": self.wrong,
            "accuracy": _share(self.right, self.right + self.wrong),
        }  # fmt: skip


@dataclass
class Tally:
    """Counts, in memory that does not grow with the number of tasks."""

    total: int = 0
    judged: int = 0
    before: Side = field(default_factory=Side)
    after: Side = field(default_factory=Side)
    kinds: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    examples: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def add(
        self, before: str | None, after: str | None, known: Known, *, n: int = 1,
        example: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Count n tasks that the one sent to `before` and the other to `after`; None is to a person."""
        self.total += n
        self.judged += n * known.is_judged
        was, now = self.before.add(before, known, n), self.after.add(after, known, n)
        if before == after:
            return
        kind = _kind(was, now) if known.is_judged else "unjudged"
        self.kinds[kind] += n
        self.moves[before, after] += n
        if example is not None and len(self.examples[kind]) < MOST_EXAMPLES:
            shown = {"kind": kind, "from": before, "to": after, "truth": known.truth}
            self.examples[kind].append({**example, **shown})

    def summary(self) -> dict[str, Any]:
        """Return the counts; `win` is how much the share of right answers among the judged would change."""
        moved = sum(self.kinds.values())
        return {
            "decisions": self.total, "moved": moved, "agreement": _share(self.total - moved, self.total),
            "judged": self.judged, **{kind: self.kinds[kind] for kind in KINDS},
            "win": _share(self.kinds["better"] - self.kinds["worse"], self.judged),
        }  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, coverage and accuracy of both, the moves that are most frequent, and examples."""
        moves = sorted(self.moves.items(), key=lambda item: (-item[1], str(item[0])))
        return {
            **self.summary(), "before": self.before.as_dict(self.total), "after": self.after.as_dict(self.total),
            "moves": [{"from": a, "to": b, "count": count} for (a, b), count in moves[:MOST_MOVES]],
            "moves_left_out": max(len(moves) - MOST_MOVES, 0), "examples": list(islice(self._mixed(), MOST_EXAMPLES)),
        }  # fmt: skip

    def _mixed(self) -> Iterator[Mapping[str, Any]]:
        """Yield one example of each kind in turn, the worst news first."""
        rows = chain.from_iterable(zip_longest(*(self.examples[kind] for kind in KINDS)))
        return (row for row in rows if row is not None)


def _kind(was: str, now: str) -> str:
    if "unknown" in (was, now):
        return "unknown"
    return "better" if RANKS[now] > RANKS[was] else "worse" if RANKS[now] < RANKS[was] else "level"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
