"""What time does to tasks: leases run out, and whoever waited too long goes first."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from hopper.common.db.clock import Now
from hopper.common.db.retries import atomically
from hopper.events import operations as log
from projects.models import Project
from tasks.models import Task, TaskClaim
from tasks.operations.claiming import claim_for_project
from tasks.operations.ending import follow_up

REAPER = "reaper"
BATCH = 200
EXPIRED = "Its lease ran out, and all attempts are used up."


def reap_leases() -> int:
    """Give tasks whose lease has run out back, or fail those without attempts left; return how many.

    Several may run at once: each passes over the rows that another holds, and the database's clock decides.
    """
    done = 0
    while reaped := _reap_batch():
        done += reaped
    return done


@atomically
def _reap_batch() -> int:
    expired = list(Task.objects.expired().select_for_update(skip_locked=True)[:BATCH])
    keys = [task.pk for task in expired]
    used_up = Q(attempts__gte=F("max_attempts"))
    changed = {
        "lease_owner": None, "lease_until": None, "lease_cost": None, "fence": F("fence") + 1,
        "version": F("version") + 1, "updated_at": Now(),
    }  # fmt: skip
    rows = Task.objects.filter(pk__in=keys)
    lost = list(rows.filter(used_up).values_list("pk", flat=True))
    rows.filter(pk__in=lost).update(status=Task.Status.FAILED, failed_at=Now(), failure_reason=EXPIRED, **changed)
    rows.exclude(pk__in=lost).update(status=Task.Status.ROUTED, **changed)
    TaskClaim.objects.filter(task__in=keys, released_at=None).update(released_at=Now(), why="expired")
    after = Task.objects.in_bulk(keys)
    holders = {task.pk: task.lease_owner for task in expired}
    _tell([after[key] for key in keys if key not in lost], "task.lease_expired", holders)
    _tell([after[key] for key in lost], "task.failed", holders)
    for key in lost:
        follow_up(after[key], actor=REAPER)
    return len(keys)


def _tell(tasks: Sequence[Task], kind: str, holders: dict[str, str | None]) -> None:
    if tasks:
        log.record_events(kind, tasks, actor=REAPER, payload=lambda task: {"held_by": holders[task.pk]})


def claim_for_projects() -> int:
    """Take what has become ready for the executors of projects with `auto_claim`; return how many."""
    return sum(len(claim_for_project(project=project)) for project in Project.objects.claiming_at_once())


@transaction.atomic
def promote_aged(*, limit: int = 500) -> int:
    """Let tasks that waited longer than the limit of their priority go first, by age; return how many."""
    aged = Task.objects.outwaited(settings.AGEING_SECONDS).select_for_update(skip_locked=True)
    keys = [task.pk for task in aged[:limit]]
    Task.objects.filter(pk__in=keys).update(is_aged=True, version=F("version") + 1, updated_at=Now())
    promoted = list(Task.objects.filter(pk__in=keys))
    if promoted:
        log.record_events("task.aged", promoted, actor=log.HOPPER)
    return len(promoted)
