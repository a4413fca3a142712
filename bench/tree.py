"""The tree at 10,000 instances, at most 16 deep, and the chains of tasks in it: each question with its queries."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from bench.timing import arguments, interleave, scratch_database, show, summary

INSTANCES = 10_000
OPEN_TASKS = 30_000
DEEPEST = 15  # the root is at 0


def main() -> None:
    options = arguments(__doc__)
    scratch_database()
    lowest = build()
    show(measure(lowest, quick=options.quick), title=f"Tree: {INSTANCES:,} instances", as_json=options.json)


def build(instances: int = INSTANCES, tasks: int = OPEN_TASKS) -> str:
    """Plant a random tree with open tasks in it; return one of the lowest instances."""
    from instances.models import Instance
    from tasks.models import Task

    chance, depth = random.Random(1), {"i0": 0}
    rows = [Instance(id="i0", name="Root", scope="GLOBAL", status="active")]
    for n in range(1, instances):
        parent = f"i{chance.randrange(n)}"
        while depth[parent] == DEEPEST:
            parent = f"i{chance.randrange(n)}"
        depth[f"i{n}"] = depth[parent] + 1
        rows.append(Instance(id=f"i{n}", name=f"Instance {n}", scope="PROJECT", status="active", parent_id=parent))
    Instance.objects.bulk_create(rows, batch_size=500)
    Task.objects.bulk_create(
        (Task(title="Open", status="routed", instance_id=f"i{chance.randrange(instances)}") for _ in range(tasks)),
        batch_size=500,
    )
    lowest = max(depth, key=depth.__getitem__)
    hand_down("task-0", lowest)
    return lowest


def hand_down(key: str, lowest: str) -> None:
    """Bring a task from the root to the lowest instance, hop by hop, as 1,000 others went one hop each."""
    from django.utils import timezone

    from hopper.events import operations as log
    from instances.models import Instance
    from routing.models import Delegation
    from tasks.models import Task

    way = list(Instance.objects.seen_from([lowest], depth=0).values_list("pk", flat=True))
    task = Task.objects.create(id=key, title="Handed down", status="routed", instance_id=lowest)
    others = [Task(title="Beside", status="routed", instance_id=lowest) for _ in range(1000)]
    Task.objects.bulk_create(others, batch_size=500)
    steps = [(task, *step) for step in pairwise(way)] + [(one, way[0], way[1]) for one in others]
    Delegation.objects.bulk_create(
        Delegation(task=one, source_instance_id=source, target_instance_id=target, status="accepted",
                   delegated_at=timezone.now(), accepted_at=timezone.now())
        for one, source, target in steps
    )  # fmt: skip
    for place in way:
        log.record_event("task.moved", task, actor="bench", instance=place)


def measure(lowest: str, *, quick: bool) -> list[dict[str, Any]]:
    """Return one row of the table for each question."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    asked = questions(lowest)
    times = interleave(asked, rounds=3, each=1 if quick else 5)
    found = []
    for name, ask in asked.items():
        with CaptureQueriesContext(connection) as queries:
            rows = ask()
        found.append({"question": name, "rows": rows, "queries": len(queries), **summary(times[name])})
    return found


def questions(lowest: str) -> dict[str, Callable[[], int]]:
    """Return each question by its name; asked, it returns the number of rows in the answer."""
    from instances.config import effective_config
    from instances.models import Instance
    from routing.operations import chain_of
    from routing.operations.places import places
    from tasks.models import Task

    rows = Instance.objects
    return {
        "plain rows": lambda: len(list(rows.all())),
        "whole tree": lambda: len(list(rows.seen_from().with_open_work().with_children())),
        "tree, 2 levels": lambda: len(list(rows.seen_from(depth=2).with_open_work().with_children())),
        "branch, 2 levels": lambda: len(list(rows.seen_from(["i1"], depth=2).with_open_work().with_children())),
        "ancestors": lambda: len(list(rows.ancestors_of(lowest))),
        "descendants": lambda: len(list(rows.descendants_of("i9"))),
        "hierarchy of the lowest": lambda: len(list(rows.seen_from([lowest]))),
        "statistics of all": lambda: len(list(rows.in_branches(["i0"]).work_by_status())),
        "effective config": lambda: len(effective_config(lowest, rows.path_to(lowest))),
        "chain of a task": lambda: len(chain_of(task=Task.objects.get(pk="task-0"))["stays"]),
        "places of two, with load": lambda: len(places("i9", lowest)),
        "what the sweep ends": lambda: len([*rows.used_up(), *rows.closing(), *rows.with_window()]),
    }


if __name__ == "__main__":
    main()
