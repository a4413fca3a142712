"""The command: `python -m bench.quality [--quick] [--json] [--data FILE …] [--view words|both]`."""

import argparse
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench.quality
from bench.quality.data import DATA, SHARED, Data, Row, few, read, some
from bench.timing import scratch_database, show, told

SHOTS = (1, 5, 10, 50, None)
STREAMED = 5000
WRONG = 0.1
MOVED = 4  # places whose tasks go to one another after the reorganisation
QUICK = {"shots": (1, 10), "asked": 60, "streamed": 80, "labels": 8, "seconds": 40}
BEGUN = time.monotonic()


def main() -> None:
    options = _options()
    os.environ["EMBEDDINGS_MODEL_PATH"] = str(options.model)
    scratch_database()
    rows = []
    for row in measure(options):
        rows.append(row)
        told("  ".join(f"{name} {value}" for name, value in row.items()))
    show(rows, title="Right in %: Hopper as it runs, and plain learners on the same vectors", as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=bench.quality.__doc__)
    parser.add_argument("--quick", action="store_true", help="a small part, within 60 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, nargs="+", default=DATA, help="JSONL files of text, label, split")
    parser.add_argument("--model", type=Path, default=SHARED / "models" / "all-MiniLM-L6-v2", help="an ONNX encoder")
    parser.add_argument("--view", choices=["words", "both"], help="one view alone; both where there is a model")
    parser.add_argument("--run", choices=["few", "stream"], help="one kind of run alone")
    parser.add_argument("--shots", type=int, nargs="+", help="examples of each label; 0 is all")
    parser.add_argument("--asked", type=int, help="tasks asked about in each run; all of the split without it")
    parser.add_argument("--streamed", type=int, default=STREAMED)
    parser.add_argument("--split", choices=["test", "val"], default="test", help="tune on val, report test once")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row of the table for every run; a quick one starts none after 40 s."""
    views = [options.view] if options.view else ["words", *(["both"] if options.model.is_dir() else [])]
    for view in views:
        encoder = _configure(view)
        for path in options.data:
            data = _reduced(read(path, split=options.split), options)
            for run in _runs(data, options):
                if not options.quick or time.monotonic() - BEGUN < QUICK["seconds"]:
                    yield {"data": data.name, "view": view, **run(view == "both")}
        if encoder:
            encoder.save()


def _configure(view: str) -> Any:
    """Let decisions go by words alone, or by the encoder too, which is returned."""
    from django.conf import settings

    from routing import embedding

    settings.EMBEDDINGS_PROVIDER = "onnx" if view == "both" else "hashing"
    settings.EMBEDDINGS_MODEL_PATH = os.environ["EMBEDDINGS_MODEL_PATH"]
    embedding.PROVIDERS["onnx"] = "bench.quality.encoder.RememberingOnnx"
    return embedding.get_local_encoder()


def _reduced(data: Data, options: argparse.Namespace) -> Data:
    chance = random.Random(options.seed)
    if not options.quick:
        return Data(data.name, data.train, some(data.test, options.asked, chance),
                    some(data.outside, options.asked, chance))  # fmt: skip
    labels = set(data.labels[: QUICK["labels"]])
    train, test = ([row for row in rows if row.label in labels] for rows in (data.train, data.test))
    asked = QUICK["asked"]
    return Data(data.name, train, some(test, asked, chance), some(data.outside, asked, chance))


def _runs(data: Data, options: argparse.Namespace) -> Iterator[Any]:
    shots = options.shots and [count or None for count in options.shots]
    streamed = min(QUICK["streamed"] if options.quick else options.streamed, len(data.train))
    if options.run != "stream":
        for count in shots or (QUICK["shots"] if options.quick else SHOTS):
            yield lambda meaning, count=count: few_shot(data, count, meaning, options.seed)
    if options.run != "few":
        rows = some(data.train, streamed, random.Random(options.seed))
        yield lambda meaning: streaming("stream", rows, rows, 0.0, meaning)
        if not options.quick:
            yield lambda meaning: streaming("stream, 10 % wrong", rows, rows, WRONG, meaning)
            yield lambda meaning: streaming("stream, reorganised", rows, reorganised(rows), 0.0, meaning)


def few_shot(data: Data, shots: int | None, with_meaning: bool, seed: int) -> dict[str, Any]:
    """Teach so many of each label, ask about the others."""
    from bench.quality import baselines, product

    train = few(data.train, shots, random.Random(seed))
    begun = time.monotonic()
    product.begin(data.labels)
    product.teach(train)
    answers = product.ask(data.test)
    outside = product.ask(data.outside)
    seconds = round(time.monotonic() - begun)
    plain = baselines.few_shot(
        baselines.vectors(train, with_meaning=with_meaning), [row.label for row in train],
        baselines.vectors(data.test, with_meaning=with_meaning), [row.label for row in data.test],
    )  # fmt: skip
    known = product.auroc(answers, outside) if outside else ""
    asked = f"{shots or 'all'} each, {len(answers)} asked"
    return {"run": asked, **product.figures(answers), "oos_auroc": known, **plain, "seconds": seconds}


def streaming(name: str, rows: list[Row], truths: list[Row], wrong: float, with_meaning: bool) -> dict[str, Any]:
    """Ask about each, and judge it at once; with a reorganisation the figures are of the places that moved."""
    from bench.quality import baselines, product

    labels = sorted({row.label for row in rows if row.label})
    begun = time.monotonic()
    product.begin(labels)
    answers = list(product.stream(truths, wrong=wrong, labels=labels))
    seconds = round(time.monotonic() - begun)
    chance = random.Random(len(rows))
    told_of = [chance.choice(labels) if chance.random() < wrong else row.label for row in truths]
    plain = baselines.streamed(
        baselines.vectors(rows, with_meaning=with_meaning), told_of, [row.label for row in truths]
    )
    moved = [a for a, before, now in zip(answers, rows, truths, strict=True) if before.label != now.label]
    last = {"affected": product.figures(moved)["hopper"]} if moved else {}
    asked = f"{name}, {len(rows)}" + "".join(f"; moved {value}" for value in last.values())
    return {"run": asked, **product.figures(answers), "oos_auroc": "", **plain, "seconds": seconds}


def reorganised(rows: list[Row]) -> list[Row]:
    """Return the rows as they belong when, after half of them, four places hand their tasks on to one another."""
    labels = sorted({row.label for row in rows if row.label})[:MOVED]
    moved = dict(zip(labels, [*labels[1:], labels[0]], strict=True))
    half = len(rows) // 2
    later = [Row(row.title, row.description, moved.get(row.label or "", row.label)) for row in rows[half:]]
    return [*rows[:half], *later]


if __name__ == "__main__":
    main()
