"""What is rung or swept: routing, refitting, consolidating and embedding."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from routing import operations
from tasks.models import Task

MINUTES = {"soft_time_limit": 840, "time_limit": 890}  # a run that takes longer counts as killed


@shared_task(name="routing.route_task")
def route_task(task_id: str) -> None:
    """Route one task unless someone already has, or it has to wait."""
    task = Task.objects.awaiting_routing(now=timezone.now()).filter(pk=task_id).first()
    if task:
        operations.route_task(task=task)


@shared_task(name="routing.route_waiting_tasks")
def route_waiting_tasks(limit: int = 100) -> int:
    """Route whatever no doorbell has rung for, and reviewed tasks once policy or learning changed."""
    return operations.route_waiting(limit=limit)


@shared_task(name="routing.settle_delegations")
def settle_delegations() -> dict[str, int]:
    """Let offers that nobody answered expire, and ask the next."""
    return operations.settle_delegations()


@shared_task(name="routing.advise_waiting")
def advise_waiting(limit: int = 5) -> int:
    """Ask advisers about what Hopper could not decide; few at a time, as each may take its time."""
    return operations.advise_waiting(limit=limit)


@shared_task(name="routing.embed_waiting")
def embed_waiting(limit: int = 1000) -> int:
    """Build the vectors of what has changed."""
    return operations.embed_waiting(limit=limit)


@shared_task(name="routing.embed_stale")
def embed_stale(hours: int | None = None) -> int:
    """Build the vectors of rows that no delivery spoke of: loaded fixtures of the last hours, or a new model."""
    return operations.embed_all(since=timezone.now() - timedelta(hours=hours) if hours else None)


@shared_task(name="routing.refit")
def refit() -> int | None:
    """Fit the learned factor anew if enough was learned since."""
    state = operations.refit_if_due()
    return state.number if state else None


@shared_task(name="routing.calibrate")
def calibrate() -> int | None:
    """Fit the curves of confidence anew if enough was judged since."""
    return operations.calibrate_if_due()


@shared_task(name="routing.consolidate", **MINUTES)
def consolidate() -> int | None:
    """Consolidate what was learned, unless another run is at it."""
    try:
        return operations.consolidate().pk
    except operations.AlreadyConsolidating:
        return None


@shared_task(name="routing.consolidate_wanted", **MINUTES)
def consolidate_wanted() -> int | None:
    """Do the consolidation that somebody has asked for."""
    try:
        run = operations.consolidate_wanted()
    except operations.AlreadyConsolidating:
        return None
    return run.pk if run else None


@shared_task(name="routing.propose_rules")
def propose_rules() -> int:
    """Propose a rule for each pattern that was learned since."""
    return len(operations.propose_rules())
