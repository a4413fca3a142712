"""Each question to the graph on both adapters, side by side as the house grows, and how fast the mirror is filled.

BENCH_NEO4J_URL names a Neo4j whose content may be replaced; else one is started, if Java and Maven are there.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.house import INSTANCES, PROJECTS, found_house, grow_house
from bench.ports import free_port, wait_for
from bench.timing import arguments, interleave, scratch_database, show, summary, told

SIZES, QUICK = (1_000, 10_000, 100_000), (1_000, 2_000)
START = Path(__file__).resolve().parent.parent / ".ci/neo4j/run"
WARM = 100  # tasks

Row = dict[str, Any]


def main() -> None:
    options = arguments(__doc__)
    scratch_database()
    rows, mirror = [], []
    with neo4j() as url:
        for found, filled in measure(QUICK if options.quick else SIZES, url, quick=options.quick):
            rows += found
            mirror += filled
            if not options.json:
                show(found, title="Graph: milliseconds; ratio: Neo4j to relational", as_json=False)
    if options.json:
        print(json.dumps({"title": "Graph", "rows": rows, "mirror": mirror}))
    elif mirror:
        show(mirror, title="Rebuilding the mirror", as_json=False)


@contextmanager
def neo4j() -> Iterator[str]:
    """Give the address of a Neo4j, or nothing where none can be started."""
    named = os.environ.get("BENCH_NEO4J_URL", "")
    can_start = shutil.which("java") and shutil.which("mvn")
    if not named and not can_start:
        told("No Java and Maven found: the relational adapter alone is measured.")
    if named or not can_start:
        yield named
        return
    port = free_port()
    folder = tempfile.mkdtemp(prefix="hopper-bench-")
    with subprocess.Popen([START, folder, str(port)], stdout=subprocess.DEVNULL, start_new_session=True) as server:
        try:
            wait_for(port, f"Neo4j ({START})")
            yield f"bolt://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def measure(sizes: tuple[int, ...], url: str, *, quick: bool) -> Iterator[tuple[list[Row], list[Row]]]:
    """Yield for each size a row for each question, and one of the mirror if there is one."""
    from django.conf import settings

    from sync.graph.adapters import get_questions
    from sync.operations import rebuild_graph

    settings.NEO4J_URL = url
    found_house()
    names = ["relational", "neo4j"] if url else ["relational"]
    before = WARM
    grow_house(0, WARM)
    if url:
        rebuild_graph()  # a server that has just started plans every statement first
    for size in sizes:
        grow_house(before, size)
        before = size
        told(f"{size:,} tasks are there.")
        begun = time.perf_counter()
        filled = []
        if url:
            rebuild_graph()
            seconds = time.perf_counter() - begun
            filled = [{"tasks": size, "seconds": round(seconds, 1), "tasks_per_second": round(size / seconds)}]
        yield compare({name: questions(get_questions(name), size) for name in names}, size, quick=quick), filled


def compare(asked: dict[str, dict[str, Callable[[], int]]], size: int, *, quick: bool) -> list[Row]:
    """Return a row for each question: what came back, and p50 and p99 of each adapter."""
    rows = []
    for name in asked["relational"]:
        calls = {adapter: every[name] for adapter, every in asked.items()}
        slow = name in ("tags together", "away: the root")
        times = interleave(calls, rounds=1 if quick or slow else 10, each=3 if slow else 10)
        row: Row = {"tasks": size, "question": name, "results": asked["relational"][name]()}
        for adapter, milliseconds in times.items():
            found = summary(milliseconds)
            row |= {f"{adapter}_p50": found["p50_ms"], f"{adapter}_p99": found["p99_ms"]}
        if "neo4j" in times:
            row["ratio"] = round(row["neo4j_p50"] / row["relational_p50"], 2)
        rows.append(row)
    return rows


def questions(graph: Any, size: int) -> dict[str, Callable[[], int]]:
    """Return each question by its name, about other rows each time; asked, it returns how many results there are."""
    from sync.graph.questions import Sight, Stopped
    from sync.graph.walks import longest_chain

    chance = random.Random(2)

    def task() -> str:
        return f"t{chance.randrange(size)}"

    def place(among: int) -> str:
        return f"i{chance.randrange(1, among)}"

    def stopped(found: Stopped) -> int:
        return sum(map(len, (found.here, found.below, found.delegated, found.waiting)))

    def critical(key: str) -> int:
        return len(longest_chain(key, graph.open_blockers(key), lambda key: 1))

    return {
        "path to root": lambda: len(graph.path_to_root(place(INSTANCES))),
        "delegation chain": lambda: len(graph.delegation_chain(task())),
        "blocked": lambda: len(graph.blocked_by(task())),
        "lineage": lambda: len(graph.lineage_of(task()).tasks),
        "critical path": lambda: critical(task()),
        "patterns": lambda: len(graph.patterns_to(place(PROJECTS), least=0.7)),
        "away: one of many": lambda: stopped(graph.stopped_without(place(INSTANCES))),
        "away: the root": lambda: stopped(graph.stopped_without("i0")),
        "tags together": lambda: len(graph.tags_together(least=5, sight=Sight())),
    }


if __name__ == "__main__":
    main()
