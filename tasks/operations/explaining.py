"""Why a task is not ready, in words and with the rows it waits for: the conditions of ready, one by one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tasks.models import Task, TaskDependency

Reason = dict[str, Any]


def explain(*, tasks: Sequence[Task]) -> dict[str, list[Reason]]:
    """Return for each task, read `with_conditions`, what it waits for: `{condition, reason, tasks?}`, none if ready.

    It asks two more queries, however many tasks there are.
    """
    keys = [task.pk for task in tasks]
    details = {"dependencies": _blockers(keys), "subtasks": _open_subtasks(keys)}
    return {task.pk: list(_reasons(task, details)) for task in tasks}


def _reasons(task: Task, details: dict[str, dict[str, list[Reason]]]) -> Iterable[Reason]:
    for name, sentence in SENTENCES.items():
        if getattr(task, f"meets_{name}", True):
            continue
        found = details.get(name, {}).get(task.pk)
        if found is None:
            yield {"condition": name, "reason": sentence(task)}
            continue
        for reason in found:
            yield {"condition": name, **reason}


def _blockers(keys: Sequence[str]) -> dict[str, list[Reason]]:
    found: dict[str, list[Reason]] = defaultdict(list)
    for wait in TaskDependency.objects.unmet().filter(task__in=keys).select_related("depends_on").order_by("pk"):
        reason = f"{WAITS[wait.kind].format(wait.depends_on)} ({wait.depends_on.status})."
        found[wait.task_id].append({"reason": reason, "tasks": [wait.depends_on_id]})
    return found


WAITS: dict[str, str] = {
    TaskDependency.Kind.BLOCKS: "It waits for “{}” to be completed",
    TaskDependency.Kind.CONDITIONAL: "It is needed only if “{}” fails",
    TaskDependency.Kind.WAITS_FOR_CHILDREN: "It waits for the subtasks of “{}”",
}


def _open_subtasks(keys: Sequence[str]) -> dict[str, list[Reason]]:
    found: dict[str, list[str]] = defaultdict(list)
    for parent, child in Task.objects.open().filter(parent__in=keys).order_by("pk").values_list("parent", "pk"):
        found[str(parent)].append(child)
    return {
        parent: [{"reason": f"It has {len(children)} open subtasks: they are the work.", "tasks": children}]
        for parent, children in found.items()
    }


def _status(task: Task) -> str:
    if task.status in Task.HELD:
        return "Somebody holds this task already."
    if task.status == Task.Status.PENDING and task.review_required:
        return "It is in review: a person has to say where it belongs."
    return f"The task is {task.status}; only a routed task can be claimed."


SENTENCES: dict[str, Callable[[Task], str]] = {
    "status": _status,
    "attempts": lambda task: f"All {task.max_attempts} attempts are used up: retry it after looking into it.",
    "deferred": lambda task: f"The task is deferred until {task.defer_until:%Y-%m-%d %H:%M} UTC.",
    "dependencies": lambda task: "It waits for others to be completed first.",
    "subtasks": lambda task: "It has open subtasks: they are the work.",
    "parent": lambda task: "A task above it is blocked, failed or cancelled.",
    "offer": lambda task: "It is offered to another instance, which has not answered yet.",
    "instance": lambda task: (
        "Its instance has no work done now: it is not active, or is GLOBAL or FEDERATED and hands it on. Start or "
        "resume it, or delegate the task."
    ),
    "project": lambda task: f"Project {task.project_id} is inactive.",
    "capacity": lambda task: f"Project {task.project_id} is at capacity: a lease has to end first.",
    "executor": lambda task: "It is not for this executor: see its executor_preference and its instance.",
}
