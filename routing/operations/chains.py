"""The way of a task through the tree: where it was, from when to when, and who held it there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hopper.events.models import Event
from instances.models import Instance
from routing.models import Delegation
from tasks.models import Task, TaskClaim

ARRIVES = ("task.routed", "task.moved", "task.review_requested")  # wherever their payload says, if it says so
LEAVES = ("task.returned", "task.retried", "task.completed", "task.failed", "task.cancelled")


@dataclass
class Stay:
    """A time that a task spent at an instance, and the hop that brought it there (None: routing, or a person)."""

    instance_id: str
    arrived_at: datetime
    hop: str | None = None
    left_at: datetime | None = None
    name: str = ""
    held_by: list[dict[str, Any]] = field(default_factory=list)


def chain_of(*, task: Task) -> dict[str, Any]:
    """Return `{hops, stays}` of the task, oldest first, in four queries.

    A stay names the instance, when the task came and left, and each who held it there with the times.
    """
    hops = list(Delegation.objects.of_task(task).in_order())
    stays = stays_of(Event.objects.about(task).filter(type__in=(*ARRIVES, *LEAVES)))
    names = Instance.objects.in_bulk([stay.instance_id for stay in stays])
    for stay in stays:
        stay.name = names[stay.instance_id].name if stay.instance_id in names else ""
    _note_holders(stays, task.claims.order_by("taken_at", "pk"))
    return {"hops": hops, "stays": stays}


def stays_of(events: Iterable[Event]) -> list[Stay]:
    """Read the stays off what happened to the task, oldest first."""
    stays: list[Stay] = []
    for event in events:
        place = event.payload.get("instance")
        if event.type in ARRIVES and not place:
            continue
        if stays and stays[-1].left_at is None:
            stays[-1].left_at = event.occurred_at
        if event.type in ARRIVES:
            stays.append(Stay(place, event.occurred_at, event.payload.get("hop")))
    return stays


def _note_holders(stays: list[Stay], claims: Iterable[TaskClaim]) -> None:
    """Write each claim to the last stay that had begun when it was taken."""
    for claim in claims:
        begun = [stay for stay in stays if stay.arrived_at <= claim.taken_at]
        if begun:
            begun[-1].held_by.append({
                "owner": claim.owner, "executor_type": claim.executor_type, "taken_at": claim.taken_at,
                "released_at": claim.released_at, "why": claim.why,
            })  # fmt: skip
