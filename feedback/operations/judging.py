"""Judging decisions. Feedback teaches by writing rows that routing reads."""

from typing import Any

from django.db import transaction

from feedback.models import TaskFeedback
from feedback.operations.implying import learn_from_tasks
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from routing import operations as routing
from routing.models import Decision, Episode, EpisodeJudgement
from tasks.models import Task

WITHDRAWN = EpisodeJudgement.Signal.WITHDRAWN


class NothingToJudge(HopperError):
    """Hopper has not decided about this task yet, so there is nothing to judge."""

    code = "nothing_to_judge"


@transaction.atomic
def record_feedback(
    *, task: Task, actor: str, source: str = TaskFeedback.Source.API, replace: bool = False, **fields: Any
) -> TaskFeedback:
    """Judge where a task went and how the work was; a second judgement takes the place of the first.

    `replace` forgets fields of the first that the second leaves out.

    :raises Invalid: if a field is wrong or `should_have_routed_to` is no project and no instance of one
    :raises NothingToJudge: if the task has no decision yet
    """
    decision = Decision.objects.select_related("episode").filter(task=task, episode__isnull=False).first()
    if decision is None or decision.episode is None:
        raise NothingToJudge
    before = TaskFeedback.objects.select_for_update().filter(task=task).first()
    if before is None and "was_good_match" not in fields:
        raise Invalid({"was_good_match": ["Say true or false: was it sent to the right place?"]})
    kept = before if before and not replace else TaskFeedback(task=task, version=before.version if before else 1)
    if before:
        kept.created_at = before.created_at
    for name, value in fields.items():
        setattr(kept, name, value)
    if kept.was_good_match and "should_have_routed_to" not in fields:
        kept.should_have_routed_to = None
    right = _right_project(kept, decision)
    kept.given_by, kept.source = actor[:100], source
    log.check_row(kept, exclude=("task",), unique=False)
    _teach(decision.episode, kept, right, actor)
    return keep(kept, is_new=before is None, actor=actor)


def keep(feedback: TaskFeedback, *, is_new: bool, actor: str) -> TaskFeedback:
    """Store a judgement with the event that keeps it whole, in the caller's transaction."""
    said = feedback.said()
    if is_new:
        feedback.save(force_insert=True)
        log.record_event("feedback.recorded", feedback, actor=actor, **said)
        return feedback
    feedback._state.adding = False
    return log.save_row(feedback, kind="feedback.changed", actor=actor, **said)


@transaction.atomic
def change_feedback(*, feedback: TaskFeedback, actor: str, **changes: Any) -> TaskFeedback:
    """Judge once more what was judged before; see `record_feedback`.

    :raises Stale: if the caller wants another version than the one that is there
    """
    return record_feedback(task=log.lock_row(feedback).task, actor=actor, **changes)


@transaction.atomic
def withdraw_feedback(*, feedback: TaskFeedback, actor: str) -> None:
    """Take a judgement back: what it taught is forgotten, and what became of the work speaks again."""
    task = feedback.task_id
    for episode in Episode.objects.for_task(task).filter(judgement__isnull=False):
        _forget(episode, actor)
    log.delete_row(feedback, kind="feedback.withdrawn", actor=actor)
    learn_from_tasks(task)


def only_project_of(instance: Instance) -> str | None:
    """Return the project that the instance stands for, if it is one."""
    served = list(instance.projects.values_list("pk", flat=True)[:2])
    return served[0] if len(served) == 1 else None


def _teach(episode: Episode, feedback: TaskFeedback, right: str | None, actor: str) -> None:
    """Teach by the task's latest episode alone: what earlier ones of the task taught is taken back."""
    for earlier in Episode.objects.for_task(feedback.task_id).filter(judgement__right_project__isnull=False):
        if earlier.pk != episode.pk:
            _forget(earlier, actor)
    routing.judge_episode(
        episode=episode, right_project=right, judged_by=actor, success=feedback.was_good_match,
        reliability=1.0 if right else 0.0,
    )  # fmt: skip


def _forget(episode: Episode, actor: str) -> None:
    routing.judge_episode(episode=episode, right_project=None, judged_by=actor, reliability=0.0, signal=WITHDRAWN)


def _right_project(feedback: TaskFeedback, decision: Decision) -> str | None:
    """Return the true destination, as far as the judgement tells it."""
    if feedback.was_good_match:
        return decision.project_id
    name = feedback.should_have_routed_to
    if not name:
        return None
    project = Project.objects.filter(pk=name).first() or Project.objects.filter(slug=name).first()
    if project:
        return project.pk
    instance = Instance.objects.filter(pk=name).first() or Instance.objects.filter(name=name).first()
    if instance is None:
        raise Invalid({"should_have_routed_to": [f"There is no project and no instance {name[:60]!r}."]})
    return only_project_of(instance)
