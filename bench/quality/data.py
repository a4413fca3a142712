"""Public tasks with their true destinations, and parts of them."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parent.parent.parent.parent / "shared"
DATA = [SHARED / "data" / "jira16.jsonl", SHARED / "data" / "clinc150.jsonl"]


@dataclass(frozen=True)
class Row:
    """A task; `label` None belongs nowhere."""

    title: str
    description: str
    label: str | None

    @property
    def fields(self) -> dict[str, str]:
        return {"title": self.title, "description": self.description}


@dataclass(frozen=True)
class Data:
    """The rows of one file by split: to teach from, to be asked about, and out of scope."""

    name: str
    train: list[Row]
    test: list[Row]
    outside: list[Row]

    @property
    def labels(self) -> list[str]:
        return sorted({row.label for row in self.train if row.label})


def read(path: Path, *, split: str) -> Data:
    """Read a JSONL file of `text`, `label` and `split`; `split` names the part to be asked about, test or val."""
    parts: dict[str, list[Row]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        title, _, rest = row["text"].replace("\x00", "").strip().partition("\n")
        parts[row["split"]].append(Row(title.strip()[:500], rest.strip(), row["label"]))
    return Data(path.stem, parts["train"], parts[split], parts[f"oos_{split}"])


def few(rows: Sequence[Row], shots: int | None, chance: random.Random) -> list[Row]:
    """Return that many rows of each label by chance, or all, in the order of the file: as time goes."""
    if shots is None:
        return list(rows)
    by_label: dict[str | None, list[int]] = defaultdict(list)
    for number in chance.sample(range(len(rows)), len(rows)):
        by_label[rows[number].label].append(number)
    return [rows[number] for number in sorted(n for same in by_label.values() for n in same[:shots])]


def some(rows: Sequence[Row], limit: int | None, chance: random.Random) -> list[Row]:
    """Return at most that many rows, in an order by chance."""
    return chance.sample(rows, min(limit or len(rows), len(rows)))
