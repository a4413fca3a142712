"""The end of an instance, with what is still open there: two apps, so it stands in the upper one.

`refuse` ends only what is empty. `wait` and `reroute` close it first: it takes nothing new, the job looks every
ten seconds, and it ends with its last open task. Each task goes back in a transaction of its own, so that nobody who
works waits for a large instance, and a crash in between leaves the rest to the job.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hopper.events import operations as log
from instances import operations as tree
from instances.models import Instance
from tasks.models import Task
from tasks.operations.intake import change_task
from tasks.operations.placing import hold_for_review, return_to_routing, unblock_task

REFUSE = "refuse"
PARKED = "It was parked at an instance that has ended: say where it belongs, or cancel it."
AT_ONCE = 200  # tasks sent back within one request; the job does the rest


def end_instance(
    *, instance: Instance, actor: str, open_work: str = REFUSE, branch: bool = False, reason: str = ""
) -> Instance:
    """End an instance, or its whole branch; unless refused, now or when the last open task there is over.

    :param open_work: `refuse`, `wait` (it goes on there) or `reroute` (what nobody holds goes back to routing)
    :raises InstanceHasOpenWork: if something is open and to be refused, or lives below and is not asked for
    """
    if open_work == REFUSE:
        end = tree.terminate_branch if branch else tree.terminate_instance
        end(instance=instance, actor=actor, reason=reason)
    else:
        rows = tree.close_branch(instance=instance, closing=open_work, below=branch, actor=actor, reason=reason)
        finish(rows, actor=actor)
    return Instance.objects.get(pk=instance.pk)


def drain_instance(*, instance: Instance, actor: str, reroute: bool = False, reason: str = "") -> Instance:
    """Pause an instance; with `reroute`, paused before or not, what nobody holds goes back to routing at once."""
    if not (reroute and instance.status == Instance.Status.PAUSED):
        told = {"reason": reason} if reason else {}
        instance = tree.pause_instance(instance=instance, actor=actor, **told)
    if reroute:
        send_back(Task.objects.unheld().filter(instance=instance), actor=actor)
    return instance


def finish(rows: Iterable[Instance], *, actor: str) -> int:
    """Go on with closing instances, the lowest first; return how many ended."""
    return sum(_finish(row, actor) for row in rows)


def _finish(row: Instance, actor: str) -> bool:
    if row.closing == Instance.Closing.REROUTE:
        send_back(Task.objects.unheld().filter(instance=row)[:AT_ONCE], actor=actor)
    try:
        tree.terminate_instance(instance=row, actor=actor, reason="Nothing was open any more.")
    except tree.InstanceHasOpenWork:
        return False
    return True


def send_back(tasks: Iterable[Task], *, actor: str) -> int:
    """Send tasks that nobody holds back to routing; return how many went."""
    return sum(_send_back(task, actor) for task in tasks)


@transaction.atomic
def _send_back(task: Task, actor: str) -> bool:
    """Take the task away from its instance unless somebody has moved it meanwhile.

    What a person had parked waits for a person again.
    """
    stands = log.lock_row(task)
    if (stands.status, stands.instance_id) != (task.status, task.instance_id):
        return False
    if task.status == Task.Status.PENDING:
        change_task(task=task, actor=actor, instance=None)
        return True
    if task.status == Task.Status.BLOCKED:
        unblock_task(task=task, actor=actor)
    back = return_to_routing(task=task, actor=actor)
    if task.status == Task.Status.BLOCKED:
        hold_for_review(task=back, confidence=0.0, reasoning=PARKED, actor=actor)
    return True


def settle_instances(*, now: datetime | None = None) -> dict[str, int]:
    """End what was made for one run or for a time, and go on with what is closing; return how many of each."""
    now = now or timezone.now()
    over = [(row, "Its time is up.") for row in Instance.objects.outlived(now=now)]
    over += [(row, "Its window has closed.") for row in Instance.objects.with_window() if _is_over(row, now)]
    for row, reason in over:
        tree.close_branch(instance=row, closing=Instance.Closing.REROUTE, below=True, actor=log.HOPPER, reason=reason)
    used = [row for row in Instance.objects.used_up() if _end_used_up(row)]
    ended = finish(_lowest_first(Instance.objects.closing()), actor=log.HOPPER)
    lost = send_back(
        Task.objects.unheld().filter(instance__status=Instance.Status.TERMINATED)[:AT_ONCE], actor=log.HOPPER
    )
    return {"closed": len(over), "ended": len(used) + ended, "sent_back": lost}


def _lowest_first(rows: Iterable[Instance]) -> list[Instance]:
    seats = {row.pk: row for row in rows}

    def depth(row: Instance) -> int:
        return 1 + depth(seats[row.parent_id]) if row.parent_id in seats else 0

    return sorted(seats.values(), key=depth, reverse=True)


def _is_over(row: Instance, now: datetime) -> bool:
    return row.rules.hands_back(row.facts(now=now))


def _end_used_up(row: Instance) -> bool:
    try:
        tree.terminate_instance(instance=row, actor=log.HOPPER, reason="The work of its run is over.")
    except tree.InstanceHasOpenWork:
        return False
    return True
