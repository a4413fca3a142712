"""Generated houses for the contract suite: every scope, status, kind of wait, hop and pattern, from one seed."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from instances.models import Instance
from projects.models import Project
from routing.models import Delegation, Pattern
from tasks.models import Task, TaskDependency

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
TAGS = ["api", "bug", "docs", "mcp", "été", "ops"]
EFFORTS = [None, "PT2H", "4h", "1d", "30m", "a day or so"]
PLACES, TASKS = 24, 60


def grow(seed):
    """Fill an empty database from the seed."""
    chance = random.Random(seed)
    Instance.objects.bulk_create(_instances(chance))
    Project.objects.bulk_create(
        Project(name=f"p{n}", slug=f"p{n}", instance_id=chance.choice([None, f"i{chance.randrange(PLACES)}"]))
        for n in range(8)
    )
    Task.objects.bulk_create(_task(chance, n) for n in range(TASKS))
    TaskDependency.objects.bulk_create(_waits(chance))
    Delegation.objects.bulk_create(_hops(chance))
    Pattern.objects.bulk_create(_pattern(chance, n) for n in range(30))


def _instances(chance):
    scopes = list(Instance.Scope.values)
    for n in range(PLACES):
        parent = f"i{chance.randrange(max(0, n - 5), n)}" if n % 9 else None  # several roots, deep branches
        yield Instance(
            id=f"i{n}", name=f"Instance {n}", scope=scopes[n % len(scopes)], status="active", parent_id=parent
        )  # fmt: skip


def _task(chance, n):
    status = chance.choice(Task.Status.values)
    held = {"lease_owner": "ada", "lease_until": NOW} if status in Task.HELD else {}
    over = {"finished_at": NOW} if status in Task.OVER else {"failed_at": NOW} if status == "failed" else {}
    return Task(
        id=f"t{chance.randrange(1000):03}-{n}", title=f"Task {n}", status=status,
        instance_id=f"i{chance.randrange(PLACES)}",
        project_id=chance.choice([None, f"p{chance.randrange(8)}"]), estimated_effort=chance.choice(EFFORTS),
        tags=chance.sample(TAGS, chance.randrange(5)), **held, **over,
    )  # fmt: skip


def _waits(chance):
    keys = list(Task.objects.order_by("title").values_list("pk", flat=True))
    chance.shuffle(keys)
    pairs = {tuple(sorted(chance.sample(range(TASKS), 2))) for _ in range(90)}
    for earlier, later in sorted(pairs):
        kind = chance.choice(TaskDependency.Kind.values)
        yield TaskDependency(task_id=keys[later], depends_on_id=keys[earlier], kind=kind)
    for place, key in enumerate(keys):  # subtasks of what comes earlier
        if place and chance.random() < 0.6:
            above = keys[chance.randrange(max(0, place - 8), place)]
            Task.objects.filter(pk=key).update(parent=above)


def _hops(chance):
    for key in Task.objects.order_by("pk").values_list("pk", flat=True):
        places = chance.sample(range(PLACES), chance.randrange(5))
        for source, target in pairwise(places):
            yield Delegation(
                id=f"d{chance.randrange(10**6):06}-{key}-{source}", task_id=key, source_instance_id=f"i{source}",
                target_instance_id=f"i{target}", delegation_type=chance.choice(Delegation.Type.values),
                status=chance.choice(Delegation.Status.values),
                delegated_at=NOW + timedelta(microseconds=chance.randrange(3) * 1000001),
            )  # fmt: skip


def _pattern(chance, n):
    return Pattern(
        id=f"r{chance.randrange(100):02}-{n}", name=f"Pattern {n}", pattern_type="tag",
        target_project=f"p{n % 8}", target_instance=chance.choice([None, "gone", *(f"i{n}" for n in range(4))]),
        confidence=chance.choice([0.5, 0.7, 0.7000001, 0.9]), is_active=chance.random() < 0.8,
        is_anti_pattern=chance.random() < 0.2, tag_criteria=chance.sample(TAGS, 2),
    )  # fmt: skip
