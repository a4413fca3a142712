"""Escalation: what its project's rules say shall happen to a task whose time runs out, each step once.

Each task is taken in a transaction of its own: whoever holds its row looks again whether the step is still to be
taken, does it, and writes it down beside the change; the unique row is what two beats cannot both write.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from hopper.common.db.retries import atomically
from hopper.common.errors import BROKEN_ROW
from hopper.events import operations as log
from projects.models import Project
from projects.sla import Promises, Rule
from tasks.models import Task, TaskEscalation
from tasks.operations.ending import cancel_task
from tasks.operations.leases import let_go
from tasks.operations.placing import return_to_routing
from tasks.querysets import TaskQuerySet

ESCALATION = "escalation"  # who acts
AT_ONCE = 500  # tasks a step of a rule; the next beat goes on
HIGHER = {"low": "medium", "medium": "high", "high": "urgent"}


def escalate_tasks(*, now: datetime | None = None) -> dict[str, int]:
    """Take every step of escalation that has come; return how many of each action.

    Several may run at once: each passes over the tasks that another holds.
    """
    now = now or timezone.now()
    done: Counter[str] = Counter()
    for rule, step, due in _steps(Project.objects.promises(), now):
        for key in list(due.values_list("pk", flat=True)[:AT_ONCE]):
            try:
                done[rule.do] += _take_step(key, rule, step, due)
            except BROKEN_ROW:
                logging.getLogger(__name__).exception("Task %s cannot be escalated as it is stored.", key)
    return dict(done)


def _steps(promises: dict[str | None, Promises], now: datetime) -> Iterator[tuple[Rule, int, TaskQuerySet]]:
    """Yield each step of each rule with its tasks; projects that share a rule and its promise share the question."""
    shared: dict[tuple[Rule, timedelta | None], list[str | None]] = defaultdict(list)
    for name, promised in promises.items():
        for rule in promised.rules:
            if rule.when != "response" or promised.response:
                shared[rule, promised.span(rule)].append(name)
    for (rule, span), names in shared.items():
        for step in range(rule.times):
            yield rule, step, Task.objects.to_escalate(rule, step, names, span=span, now=now)


@atomically
def _take_step(key: str, rule: Rule, step: int, due: TaskQuerySet) -> bool:
    task = due.filter(pk=key).select_for_update(skip_locked=True).first()
    if task is None or TaskEscalation.objects.taken(rule, step).filter(task=task).exists():
        return False
    why = _reason(task, rule)
    taken = TaskEscalation(task=task, rule=str(rule), step=step, action=rule.do, why=why)
    taken.did = DO[rule.do](task, rule, {"rule": str(rule), "step": step, "action": rule.do, "reason": why})
    taken.save(force_insert=True)
    return True


def _reason(task: Task, rule: Rule) -> str:
    match rule.when:
        case "waiting":
            return f"Nobody has taken it since {task.began:%Y-%m-%d %H:%M} UTC."
        case "queue":
            return f"More than {rule.longer_than} tasks wait in its queue."
        case "due":
            return f"It is due at {task.due_at:%Y-%m-%d %H:%M} UTC."
        case _:
            return f"The {rule.when} time that was promised runs out, or has."


def _tell(task: Task, told: dict[str, Any], **did: Any) -> dict[str, Any]:
    log.save_row(task, kind="task.escalated", actor=ESCALATION, **told, did=did)
    return did


def _raise_priority(task: Task, rule: Rule, told: dict[str, Any]) -> dict[str, Any]:
    was, task.priority = task.priority, rule.to or HIGHER[task.priority]
    return _tell(task, told, priority=[was, task.priority])


def _relax(task: Task, rule: Rule, told: dict[str, Any]) -> dict[str, Any]:
    """Ask one level less of each skill, and let routing look again; what was required stays written."""
    was = task.required_now
    if not was:
        return {}
    task.relaxed_by += 1
    if task.status == Task.Status.PENDING:
        task.review_required, task.route_after = False, None
    did = _tell(task, told, required=[was, task.required_now])
    if task.status == Task.Status.ROUTED:
        return_to_routing(task=task, actor=ESCALATION)
    return did


def _reassign(task: Task, rule: Rule, told: dict[str, Any]) -> dict[str, Any]:
    """Take the task from whoever holds it, whose fence is stale from now on, and from its project."""
    did = {"project": task.project_id, "held_by": task.lease_owner}
    if task.project_id and task.project_id not in task.passed_over:
        task.passed_over = [*task.passed_over, task.project_id]
    taken = let_go(task, "task.escalated", ESCALATION, why="reassigned", **told, did=did)
    return_to_routing(task=taken, actor=ESCALATION)
    return did


def _notify(task: Task, rule: Rule, told: dict[str, Any]) -> dict[str, Any]:
    return _tell(task, told, **({"to": rule.to} if rule.to else {}))


def _cancel(task: Task, rule: Rule, told: dict[str, Any]) -> dict[str, Any]:
    did = _tell(task, told, status=[task.status, "cancelled"])
    cancel_task(task=task, actor=ESCALATION, reason=told["reason"])
    return did


DO: dict[str, Callable[[Task, Rule, dict[str, Any]], dict[str, Any]]] = {
    "raise_priority": _raise_priority, "relax": _relax, "reassign": _reassign, "notify": _notify, "cancel": _cancel,
}  # fmt: skip
