"""Merging one project into another, as when it is renamed: what was learned of it and what waits for it go there."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.db.graph import graph_lock
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from projects.models import Project
from routing.models import Episode, EpisodeJudgement, Pattern
from routing.operations.deciding import assign_task
from routing.operations.loading import why_inactive
from tasks.models import Task
from tasks.operations import return_to_routing

AT_ONCE = 200  # tasks moved within one request; asking again moves the next


@dataclass(frozen=True)
class Merged:
    """What a merge moves: lessons, patterns and waiting tasks; and `left`, how many open tasks stay there."""

    project: Project
    lessons: int
    patterns: int
    tasks: int
    left: int


def preview_merge(*, project: Project) -> Merged:
    """Return what a merge of the project would move, and what would stay."""
    waiting = _waiting_at(project).count()
    return Merged(
        project, _lessons_of(project).count(), _patterns_of(project).count(), waiting, _open_at(project) - waiting
    )


def merge_project(*, project: Project, into: Project, actor: str) -> Merged:
    """Merge a project into another: it takes no more, and its lessons, patterns and waiting tasks go there.

    What somebody holds, or what is blocked, stays until it is over; asking again moves what has become free since.
    Each task goes in a transaction of its own, so that nobody who works waits for a large project.

    :raises Invalid: if it is the project itself, or takes no work
    """
    if into == project:
        raise Invalid({"into": ["Name another project: this is the one that is merged."]})
    with transaction.atomic():
        graph_lock("lessons")  # so that of two that are merged into each other the second sees that the first is closed
        if why_not := why_inactive(log.lock_row(into)):
            raise Invalid({"into": [f"{into} {why_not}: choose another, or make it active first."]})
        lessons = _move_lessons(project, into)
        patterns = _turn_patterns(project, into, actor)
        project = _close(project, into, actor, lessons)
    tasks = sum(_move(task, into, actor) for task in _waiting_at(project)[:AT_ONCE])
    return Merged(project, lessons, patterns, tasks, _open_at(project))


def _lessons_of(project: Project) -> Any:
    return EpisodeJudgement.objects.filter(right_project=project.pk)


def _patterns_of(project: Project) -> Any:
    return Pattern.objects.filter(target_project=project.pk)


def _waiting_at(project: Project) -> Any:
    return Task.objects.unheld().filter(project=project, status=Task.Status.ROUTED)


def _open_at(project: Project) -> int:
    return Task.objects.open().filter(project=project).count()


def _close(project: Project, into: Project, actor: str, lessons: int) -> Project:
    project = log.lock_row(project)
    if not (project.is_active or lessons):
        return project
    project.is_active = False
    return log.save_row(project, kind="project.merged", actor=actor, into=into.pk, lessons=lessons)


def _move_lessons(project: Project, into: Project) -> int:
    """Let everything that was learned of the project speak for the other; return how many lessons that are.

    They count as new, so every process learns them at once, and the job fits anew if they are many. The lock on lessons
    is held: a later commit has a later time, and no reader misses one.
    """
    Episode.objects.filter(chosen_project=project.pk).update(chosen_project=into.pk)
    return _lessons_of(project).update(right_project=into.pk, updated_at=timezone.now())


def _turn_patterns(project: Project, into: Project, actor: str) -> int:
    patterns = list(_patterns_of(project).order_by("pk"))
    for pattern in patterns:
        log.change_row(pattern, kind="pattern.changed", actor=actor, changes={"target_project": into.pk})
    return len(patterns)


@transaction.atomic
def _move(task: Task, into: Project, actor: str) -> bool:
    """Send the task to the other project, unless somebody was quicker; what may not go there is routed anew."""
    stands = log.lock_row(task)
    if (stands.status, stands.project_id) != (task.status, task.project_id):
        return False
    back = return_to_routing(task=stands, actor=actor)
    with suppress(HopperError), transaction.atomic():
        assign_task(task=back, project=into, actor=actor, reason=f"{task.project_id} was merged into it.")
    return True
