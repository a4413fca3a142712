"""Taking work: exactly one executor gets a task, within the capacity of its project.

The claim is one statement over the ready tasks, so of many claimers one wins on both databases (reliability.md
C2). A claim that took a project over its capacity is undone in its own transaction, before anybody saw it.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Sum

from hopper.common.db.claiming import first_of, kept_first_of, take_first
from hopper.common.db.clock import moment_in
from hopper.common.db.retries import atomically
from hopper.common.errors import Gone, HopperError, Invalid
from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from tasks.models import Task, TaskClaim
from tasks.operations.explaining import explain
from tasks.querysets import TaskQuerySet
from tasks.readiness import Executor

SHORTEST_LEASE = 1
LONGEST_LEASE = 3600  # seconds; longer for executor types whose usual lease is longer
MOST_CLAIMS = 100
CLAIM = """status = 'claimed', lease_owner = %s, lease_until = {until}, lease_cost = 1.0, fence = fence + 1,
    attempts = attempts + 1, version = version + 1, updated_at = {now}"""
LIMITED = {"is_limited": "(SELECT p.capacity IS NOT NULL FROM projects p WHERE p.name = tasks.project)"}
FAIR_SHARES = ("requester", "instance")


class TaskNotClaimable(HopperError):
    """The task cannot be claimed as it stands."""

    code = "not_claimable"


@atomically
def claim_task(*, task_id: str, owner: str, executor_type: str | None = None, lease_seconds: int | None = None) -> Task:
    """Take a ready task for execution and return it with its `fence` and `lease_until`.

    :raises TaskNotClaimable: if it is not ready, saying what it waits for
    :raises Gone: if there is no such task
    """
    executor, lease = Executor(owner, executor_type), lease_of(executor_type, lease_seconds)
    taken = _take(1, executor, lease, task_id=task_id)
    if not taken:
        raise _why_not(task_id, executor)
    return taken[0]


@atomically
def claim_next(
    *, owner: str, among: TaskQuerySet | None = None, count: int = 1, executor_type: str | None = None,
    lease_seconds: int | None = None, fair_share: str | None = None,
) -> list[Task]:  # fmt: skip
    """Take the first ready tasks, at most `count` of `among`; fewer, or none, if fewer are ready.

    `fair_share` names what the work is shared between, by weight: `requester` or `instance`.

    :raises Invalid: if the lease, the count or the fair share is none
    """
    if not 1 <= count <= MOST_CLAIMS:
        raise Invalid({"limit": [f"Claim 1 to {MOST_CLAIMS} tasks at a time."]})
    executor, lease = Executor(owner, executor_type), lease_of(executor_type, lease_seconds)
    by = fair_share or settings.FAIR_SHARE
    if not by:
        return _take(count, executor, lease, among=among)
    if by not in FAIR_SHARES:
        raise Invalid({"fair_share": [f"Work is shared fairly between {' or '.join(FAIR_SHARES)}."]})
    tasks = Task.objects.all() if among is None else among
    taken: list[Task] = []
    while len(taken) < count:
        claimed = _take(1, executor, lease, among=_turn_of(tasks, by, executor))
        if not claimed:
            break
        taken += claimed
    return taken


@atomically
def claim_for_project(*, project: Project, task: Task | None = None) -> list[Task]:
    """Take ready work of a project with `auto_claim` for its executor, as much as it has room for.

    The holder is `executor` of the project's `executor_config`, or else bears the name of the project.
    """
    if not (project.auto_claim and project.is_active):
        return []
    owner = str(project.executor_config.get("executor") or project.pk)
    among = Task.objects.in_project(project)
    return claim_next(
        owner=owner, executor_type=project.executor_type, count=MOST_CLAIMS,
        among=among.filter(pk=task.pk) if task else among,
    )  # fmt: skip


def lease_of(executor_type: str | None, seconds: int | None) -> timedelta:
    """Return how long a lease is, by the type of executor unless the seconds are named.

    :raises Invalid: if the seconds are too few or too many
    """
    usual = settings.LEASE_SECONDS.get(executor_type or "agent", settings.LEASE_SECONDS["agent"])
    longest = max(LONGEST_LEASE, int(usual))
    if seconds is not None and not SHORTEST_LEASE <= seconds <= longest:
        raise Invalid({"lease_seconds": [f"A lease lasts {SHORTEST_LEASE} to {longest} seconds."]})
    return timedelta(seconds=usual if seconds is None else seconds)


def heartbeat_of(executor_type: str | None, lease: timedelta) -> float:
    """Return the seconds after which a holder should renew: by its type, and three times a lease at least."""
    usual = settings.HEARTBEAT_SECONDS.get(executor_type or "agent", settings.HEARTBEAT_SECONDS["agent"])
    return min(usual, lease.total_seconds() / 3)


def _take(
    count: int, executor: Executor, lease: timedelta, *, among: TaskQuerySet | None = None, task_id: str | None = None
) -> list[Task]:
    """Claim the first ready ones; what a project has no room for is passed over."""
    kept: list[Task] = []
    passed_over: list[str] = []
    (until, its_end), (now, moment) = moment_in(lease), moment_in()
    while len(kept) < count:
        is_usual, wanted = among is None and not passed_over, count - len(kept)
        if is_usual:
            question = kept_first_of(_ready_for, wanted, executor.who, executor.label, executor.kind, task_id)
        else:
            tasks = Task.objects.all() if among is None else among
            question = first_of(tasks.exclude(pk__in=passed_over).ready(executor), wanted)
        claimed = take_first(
            Task, question, told=LIMITED, is_usual=is_usual,
            change=CLAIM.format(until=until, now=now), values=(executor.holder, its_end, moment),
        )  # fmt: skip
        fit, over = _within_capacity(sorted(claimed, key=attrgetter(*Task.CLAIM_ORDER)))
        kept += fit
        passed_over += over
        if not over or task_id:
            break
    for task in kept:
        task.heartbeat_seconds = heartbeat_of(executor.kind, lease)
    _note_claims(kept, executor)
    return kept


def _ready_for(who: str, label: str | None, kind: str | None, task_id: str | None) -> TaskQuerySet:
    tasks = Task.objects.filter(pk=task_id) if task_id else Task.objects.all()
    return tasks.ready(Executor(f"{who}/{label}" if label else who, kind))


def _note_claims(tasks: Sequence[Task], executor: Executor) -> None:
    log.record_events(
        "task.claimed", tasks, actor=executor.holder, payload=lambda task: {"fence": task.fence},
        beside=lambda task: TaskClaim(
            task=task, owner=executor.holder, executor_type=executor.kind, fence=task.fence, taken_at=task.updated_at
        ),
    )  # fmt: skip


def _within_capacity(claimed: Sequence[Any]) -> tuple[Sequence[Task], list[str]]:
    """Return the claimed tasks that their projects have room for, and the keys of the others, which are put back.

    The locked project row lets one claim at a time count, so two that saw the last free place cannot both keep it.
    """
    limited = {task.project_id for task in claimed if task.is_limited}
    if not limited:
        return claimed, []
    over: list[str] = []
    for project in Project.objects.filter(pk__in=limited, capacity__isnull=False).order_by("pk").select_for_update():
        over += _overflow(project, [task for task in claimed if task.project_id == project.pk])
    if over:
        _put_back(over)
    return [task for task in claimed if task.pk not in over], over


def _overflow(project: Project, claimed: Sequence[Task]) -> list[str]:
    """Return the keys of what does not fit beside the other live leases; what is larger than all is done alone."""
    others = Task.objects.filter(project=project, status__in=Task.HELD).exclude(pk__in=[task.pk for task in claimed])
    used = others.aggregate(used=Sum("lease_cost"))["used"] or 0.0
    over: list[str] = []
    for task in claimed:
        task.lease_cost = cost_of(task, project)
        if used and used + task.lease_cost > (project.capacity or 0):
            over.append(task.pk)
            continue
        used += task.lease_cost
        if task.lease_cost != 1.0:
            Task.objects.filter(pk=task.pk).update(lease_cost=task.lease_cost)
    return over


def cost_of(task: Task, project: Project) -> float:
    """Return how much of the project's capacity the task takes: the dearest of its tags and priority, else 1."""
    named = [project.capacity_cost[word] for word in (task.priority, *task.tags) if word in project.capacity_cost]
    return float(max(named, default=1.0))


def _put_back(keys: Sequence[str]) -> None:
    Task.objects.filter(pk__in=keys).update(
        status=Task.Status.ROUTED, lease_owner=None, lease_until=None, lease_cost=None,
        fence=F("fence") - 1, attempts=F("attempts") - 1, version=F("version") - 1,
    )  # fmt: skip


def _turn_of(tasks: TaskQuerySet, by: str, executor: Executor) -> TaskQuerySet:
    """Return the ready tasks of whoever has the least work under way for its weight."""
    waiting = tasks.ready(executor).order_by().values_list(by, flat=True).distinct()
    held = Task.objects.filter(status__in=Task.HELD).order_by().values_list(by).annotate(n=Count("pk"))
    under_way = dict(held.values_list(by, "n"))
    weights = _weights(by, [name for name in waiting if name])
    turn = min(
        waiting, default=None,
        key=lambda name: (under_way.get(name, 0) / weights.get(name, 1.0), -weights.get(name, 1.0), name or ""),
    )  # fmt: skip
    return tasks.filter(**{by: turn})


def _weights(by: str, names: Iterable[str]) -> dict[str, float]:
    if by == "requester":
        return settings.FAIR_SHARE_WEIGHTS
    rows = Instance.objects.filter(pk__in=list(names))
    return {row.pk: float(row.config.get("fair_share_weight", 1.0)) for row in rows}


def _why_not(task_id: str, executor: Executor) -> HopperError:
    task = Task.objects.filter(pk=task_id).with_conditions(executor).first()
    if task is None:
        return Gone("There is no such task.")
    reasons = explain(tasks=[task])[task.pk]
    return TaskNotClaimable(reasons[0]["reason"] if reasons else "Another claim won.", status=task.status)
