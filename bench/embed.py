"""Tasks embedded per second by one worker, for each provider, beside the provider called bare.

The worker path is `embed_waiting`: deliveries leased, rows read, texts hashed, the provider asked, vectors stored,
deliveries acknowledged. Bare is the same adapter on the same texts in the same batches, without a database.
The texts are issues of ../shared/data/jira16.jsonl where that is there, else made up to the same length.
"""

import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.timing import arguments, scratch_database, show

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
MODEL = Path(os.environ.get("EMBEDDINGS_MODEL_PATH") or SHARED / "models" / "all-MiniLM-L6-v2")
BATCH = 100
LATENCY, LATENCY_PER_TEXT = 0.25, 0.001  # seconds, of the stub of OpenAI
TASKS = {"hashing": 2000, "openai": 2000, "onnx": 400, "sentence-transformers": 400}
ROUNDS = 4


def main() -> None:
    options = arguments(__doc__)
    scratch_database()
    from hopper.common.db.info import database_kind

    with ExitStack() as servers:
        rows = [
            measure(name, titles=titles, quick=options.quick, servers=servers)
            for name in providers()
            for titles in (True, False)
        ]
    title = f"Embedding by one worker, batches of {BATCH}, {database_kind()}"
    show(rows, title=title, as_json=options.json)


def providers() -> Iterator[str]:
    """Yield the providers that can run here."""
    yield from ("hashing", "openai")
    if MODEL.is_dir() and find_spec("onnxruntime"):
        yield "onnx"
    if find_spec("sentence_transformers"):
        yield "sentence-transformers"


def measure(name: str, *, titles: bool, quick: bool, servers: ExitStack) -> dict[str, Any]:
    """Return one row of the table: both sides in turn on parts of the texts; the best part of each side counts."""
    from routing.embedding import get_embedder

    configure(name, servers)
    embedder = get_embedder()
    size = 100 if quick and TASKS[name] > 400 else TASKS[name] // ROUNDS // (4 if quick else 1)
    parts = [texts(size, number, titles=titles) for number in range(ROUNDS)]
    embedder.embed(["The first text loads what is loaded late."])
    times = []
    for part in parts:
        submit(part)
        times.append((by_worker(len(part)) / len(part), bare_seconds(embedder, part) / len(part)))
    check(embedder.model, sum(map(len, parts)))
    worker, bare = (min(side) for side in zip(*times, strict=True))
    return {
        "provider": name, "texts": "titles" if titles else "whole", "words": median_words(parts),
        "tasks": sum(map(len, parts)), "worker_per_s": round(1 / worker, 1), "bare_per_s": round(1 / bare, 1),
        "worker_ms": round(worker * 1000, 2), "bare_ms": round(bare * 1000, 2), "ratio": round(bare / worker, 2),
    }  # fmt: skip


def configure(name: str, servers: ExitStack) -> None:
    """Make `name` the provider of this process, before a stub of its own if it is OpenAI; forget what was embedded."""
    from django.core.management import call_command
    from django.test.utils import override_settings

    call_command("flush", interactive=False, verbosity=0)
    url = servers.enter_context(slow_openai()) if name == "openai" else ""
    servers.enter_context(override_settings(
        EMBEDDINGS_PROVIDER=name, EMBEDDINGS_MODEL="", EMBEDDINGS_DIMENSION=1536, EMBEDDINGS_BATCH_SIZE=BATCH,
        EMBEDDINGS_MODEL_PATH=str(MODEL) if name == "onnx" else "", OPENAI_BASE_URL=url, OPENAI_API_KEY="",
    ))  # fmt: skip


def texts(count: int, seed: int, *, titles: bool) -> list[str]:
    """Return issues, drawn anew for each seed."""
    chance = random.Random(seed)
    file = SHARED / "data" / "jira16.jsonl"
    if not file.is_file():
        return [" ".join(f"w{chance.randrange(4000)}" for _ in range(8 if titles else 50)) for _ in range(count)]
    lines = chance.sample(file.read_text().splitlines(), count)
    return [json.loads(line)["title" if titles else "text"] for line in lines]


def median_words(parts: list[list[str]]) -> int:
    words = sorted(len(text.split()) for part in parts for text in part)
    return words[len(words) // 2]


def submit(part: list[str]) -> None:
    """Write the texts as tasks, each with its delivery; the first line is the title."""
    from tasks.operations import create_tasks

    for start in range(0, len(part), 500):
        split = [text.partition("\n") for text in part[start : start + 500]]
        create_tasks(rows=[{"title": t[:500] or "-", "description": rest} for t, _, rest in split], actor="bench")


def by_worker(count: int) -> float:
    """Return the seconds that the deliveries of `count` tasks take."""
    from routing.operations import embed_waiting

    begun = time.perf_counter()
    embed_waiting(limit=count)
    return time.perf_counter() - begun


def bare_seconds(embedder: Any, part: list[str]) -> float:
    """Return the seconds that the adapter takes for the texts, in batches as large as the worker's."""
    begun = time.perf_counter()
    for start in range(0, len(part), BATCH):
        embedder.embed(part[start : start + BATCH])
    return time.perf_counter() - begun


def check(model: str, count: int) -> None:
    """Fail unless every task has its vector."""
    from routing.models import TaskEmbedding

    assert TaskEmbedding.objects.filter(model=model).count() == count


@contextmanager
def slow_openai() -> Iterator[str]:
    """Serve the stub of the tests with the latency of the real service, and one vector for all; yield its address."""
    from routing.tests.openai_stub import OpenAIStub, send, serving

    stub = OpenAIStub(dimension=1536)
    vector = json.loads(stub.json({"input": ["any"], "model": "", "encoding_format": "base64"}))["data"][0]["embedding"]

    def answer(handler: Any, question: Any) -> None:
        time.sleep(LATENCY + LATENCY_PER_TEXT * len(question["input"]))
        items = [{"index": place, "embedding": vector} for place in range(len(question["input"]))]
        send(handler, json.dumps({"data": items, "usage": {"total_tokens": len(items)}}))

    stub.answer = answer
    with serving(stub):
        yield stub.url


if __name__ == "__main__":
    main()
