"""Where the demo's tasks come from: the shipped sample, or any JSONL or CSV of `text,label[,split]`."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

SAMPLE = Path(__file__).parent / "sample" / "tasks.jsonl"
UNSEEN_SHARE = 5  # without a split every fifth row is unseen
LONGEST_TITLE = 500


@dataclass(frozen=True)
class Case:
    """A task with its true destination; None belongs nowhere."""

    title: str
    description: str
    label: str | None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cases:
    """The confirmed part to teach from and the unseen part to route; other splits are left out."""

    name: str
    confirmed: list[Case]
    unseen: list[Case]
    left_out: Counter[str]

    @property
    def labels(self) -> list[str]:
        return sorted({case.label for case in self.confirmed if case.label})


def read_cases(path: Path | None, limit: int | None = None) -> Cases:
    """Read the sample or a file; `limit` keeps that many of the unseen.

    :raises CommandError: if the file is missing or a line is not of the form
    """
    rows = list(_rows(path or SAMPLE))
    parts: dict[str, list[Case]] = {}
    for number, row in enumerate(rows):
        split = row.get("split") or ("test" if number % UNSEEN_SHARE == UNSEEN_SHARE - 1 else "train")
        parts.setdefault(split, []).append(_case(row, number))
    confirmed, unseen = parts.pop("train", []), parts.pop("test", [])[:limit]
    if not confirmed or not unseen:
        raise CommandError("The data needs rows to teach from (split train) and rows to route (split test).")
    name = path.stem if path else "sample"
    return Cases(name, confirmed, unseen, Counter({split: len(cases) for split, cases in parts.items()}))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise CommandError(f"There is no file {path}: give a JSONL or CSV file with the columns text and label.")
    with path.open(encoding="utf-8", newline="") as lines:
        if path.suffix == ".csv":
            yield from csv.DictReader(lines)
            return
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise CommandError(f"{path.name}, line {number}: not JSON ({error}).") from error
            if not isinstance(row, dict):
                raise CommandError(f'{path.name}, line {number}: write an object like {{"text": …, "label": …}}.')
            yield row


def _case(row: dict[str, Any], number: int) -> Case:
    title, _, rest = str(row.get("text") or "").partition("\n")
    title, description = row.get("title") or title, row.get("description") or rest
    if not title.strip() or "label" not in row:
        raise CommandError(f"Row {number + 1} has no text or no label.")
    known = ("tags", "priority", "required_capabilities")
    fields = {name: row[name] for name in known if row.get(name)}
    return Case(_clean(title)[:LONGEST_TITLE], _clean(description), row["label"] or None, fields)


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()
