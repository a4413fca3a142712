"""A house that grows: a tree of instances, and tasks in groups that wait for, belong to and follow one another."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

INSTANCES, PROJECTS, PATTERNS, TAGS = 1000, 50, 500, 60
GROUP = 50  # tasks that may wait for one another
AT_ONCE = 2000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STATUSES = ["pending", "routed", "routed", "routed", "completed"]
EFFORTS = [None, "2h", "PT4H", "1d"]


def found_house() -> None:
    """Make instances some ten levels deep, the projects that they serve, and patterns that route to them."""
    from instances.models import Instance
    from projects.models import Project
    from routing.models import Pattern

    chance, parents = random.Random(1), {"i0": None}
    for n in range(1, INSTANCES):
        parents[f"i{n}"] = f"i{chance.randrange(max(1, n // 2))}"
    Instance.objects.bulk_create(
        Instance(id=key, name=f"Instance {key}", scope="PROJECT", status="active", parent_id=parent)
        for key, parent in parents.items()
    )
    Project.objects.bulk_create(Project(name=f"p{n}", slug=f"p{n}", instance_id=f"i{n}") for n in range(PROJECTS))
    Pattern.objects.bulk_create(
        Pattern(id=f"r{n}", name=f"Pattern {n}", pattern_type="tag", confidence=chance.random(),
                target_instance=f"i{chance.randrange(PROJECTS)}", tag_criteria=[f"tag{n % TAGS}"])
        for n in range(PATTERNS)
    )  # fmt: skip


def grow_house(first: int, last: int) -> None:
    """Add the tasks of these numbers with their waits and hops; each group has a random one of its own."""
    from routing.models import Delegation
    from tasks.models import Task, TaskDependency

    for start in range(first, last, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, last))
        Task.objects.bulk_create(map(_task, numbers), batch_size=500)
        TaskDependency.objects.bulk_create(_waits(numbers), batch_size=500)
        Delegation.objects.bulk_create(_hops(numbers), batch_size=500)


def _task(n: int) -> Any:
    from tasks.models import Task

    chance = random.Random(n)
    status = chance.choice(STATUSES)
    first = n - n % GROUP  # the group's own task, which a fifth of the others are part of
    return Task(
        id=f"t{n}", title=f"Task {n}", status=status, instance_id=f"i{chance.randrange(INSTANCES)}",
        project_id=f"p{n % PROJECTS}", parent_id=f"t{first}" if n > first and chance.random() < 0.2 else None,
        estimated_effort=chance.choice(EFFORTS), finished_at=NOW if status == "completed" else None,
        tags=sorted({f"tag{int(chance.paretovariate(1)) % TAGS}" for _ in range(chance.randrange(5))}),
    )  # fmt: skip


def _waits(numbers: range) -> Iterator[Any]:
    from tasks.models import TaskDependency

    for n in numbers:
        chance = random.Random(-n)
        near = range(max(n - n % GROUP, n - 10), n)
        for other in sorted(chance.sample(near, min(len(near), chance.randrange(3)))):
            yield TaskDependency(task_id=f"t{n}", depends_on_id=f"t{other}")


def _hops(numbers: range) -> Iterator[Any]:
    from routing.models import Delegation

    for n in numbers:
        chance = random.Random(n + 0.5)
        way = chance.sample(range(INSTANCES), chance.randrange(4))
        for step, (source, target) in enumerate(pairwise(way)):
            yield Delegation(
                id=f"d{n}-{step}", task_id=f"t{n}", source_instance_id=f"i{source}", target_instance_id=f"i{target}",
                status="accepted", delegated_at=NOW + timedelta(minutes=step),
            )  # fmt: skip
