"""What people said of decisions, counted by project, strategy, tag or time."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from feedback.querysets import FeedbackQuerySet

NEWEST = 20_000  # judgements that count
TOLD = 5  # places that corrections name most


@dataclass
class Tally:
    """What was said of some decisions."""

    judged: int = 0
    good: int = 0
    reworked: int = 0
    asked_for_rework: int = 0
    qualities: list[float] = field(default_factory=list)
    corrected: Counter[str] = field(default_factory=Counter)

    def add(self, row: dict[str, Any]) -> None:
        self.judged += 1
        self.good += row["was_good_match"]
        if row["required_rework"] is not None:
            self.asked_for_rework += 1
            self.reworked += row["required_rework"]
        if row["quality_score"] is not None:
            self.qualities.append(row["quality_score"])
        if row["should_have_routed_to"]:
            self.corrected[row["should_have_routed_to"]] += 1

    def as_dict(self) -> dict[str, Any]:
        return {
            "judged": self.judged, "good": self.good, "good_share": _share(self.good, self.judged),
            "mean_quality": _share(sum(self.qualities), len(self.qualities)),
            "rework_share": _share(self.reworked, self.asked_for_rework),
            "corrected_to": dict(self.corrected.most_common(TOLD)),
        }  # fmt: skip


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _day(row: dict[str, Any]) -> date:
    moment: datetime = row["created_at"]
    return moment.date()


KEYS: dict[str, Callable[[dict[str, Any]], Iterable[Any]]] = {
    "project": lambda row: [row["chosen"]],
    "strategy": lambda row: [row["strategy"]],
    "tag": lambda row: row["tags"],
    "day": lambda row: [_day(row).isoformat()],
    "week": lambda row: [(_day(row) - timedelta(days=_day(row).weekday())).isoformat()],
}
TIMES = ("day", "week")


def count_feedback(*, feedback: FeedbackQuerySet, by: str) -> list[dict[str, Any]]:
    """Return a dict for each group of the newest 20,000 judgements, the largest or the latest first.

    A group is the project that Hopper chose (None where it asked a person), the strategy that settled it, a tag of
    the task, or the day or week (its Monday) of the judgement, in UTC.
    """
    tallies: dict[Any, Tally] = {}
    for row in feedback.with_what_was_judged()[:NEWEST]:
        for key in KEYS[by](row):
            tallies.setdefault(key, Tally()).add(row)
    by_time = by in TIMES
    order = sorted(tallies, key=lambda key: (-tallies[key].judged, str(key)))
    return [{"key": key, **tallies[key].as_dict()} for key in (sorted(tallies, reverse=True) if by_time else order)]
