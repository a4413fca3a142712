"""Judging decisions. Feedback teaches by writing rows that routing reads."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from feedback.models import TaskFeedback
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from routing import operations as routing
from routing.models import Decision, Episode
from tasks import operations as tasks
from tasks.models import Task

BATCH = 500


class NothingToJudge(HopperError):
    """Hopper has not decided about this task yet, so there is nothing to judge."""

    code = "nothing_to_judge"


class NotInReview(HopperError):
    """This task waits for nobody's answer."""

    code = "not_in_review"


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
    said = {"was_good_match": kept.was_good_match, "should_have_routed_to": kept.should_have_routed_to}
    if before:
        kept._state.adding = False
        return log.save_row(kept, kind="feedback.changed", actor=actor, **said)
    kept.save(force_insert=True)
    log.record_event("feedback.recorded", kept, actor=actor, **said)
    return kept


@transaction.atomic
def change_feedback(*, feedback: TaskFeedback, actor: str, **changes: Any) -> TaskFeedback:
    """Judge once more what was judged before; see `record_feedback`.

    :raises Stale: if the caller wants another version than the one that is there
    """
    return record_feedback(task=log.lock_row(feedback).task, actor=actor, **changes)


@transaction.atomic
def withdraw_feedback(*, feedback: TaskFeedback, actor: str) -> None:
    """Take a judgement back; what it taught is forgotten."""
    for episode in Episode.objects.for_task(feedback.task_id).filter(judgement__isnull=False):
        routing.judge_episode(episode=episode, right_project=None, judged_by=actor, reliability=0.0)
    log.delete_row(feedback, kind="feedback.withdrawn", actor=actor)


@transaction.atomic
def answer_review(
    *, task: Task, project: Project | None = None, instance: Instance | None = None, actor: str, reason: str = ""
) -> Decision:
    """Say where a task in review belongs: it goes there, and Hopper learns from the answer.

    :raises NotInReview: if it waits for nobody's answer
    :raises Invalid: if no place is named or it takes no work
    """
    task = log.lock_row(task)
    if not task.review_required:
        raise NotInReview(f"This task is {task.status} and waits for nobody's answer.", status=task.status)
    doubted = Decision.objects.select_related("episode").filter(task=task).first()
    guess = doubted.alternatives[0]["project"] if doubted and doubted.alternatives else None
    decision = routing.assign_task(task=task, project=project, instance=instance, actor=actor, reason=reason)
    right = decision.project_id
    if right is None and instance is not None:
        right = _only_project_of(instance)
    if doubted and doubted.episode and right:
        routing.judge_episode(episode=doubted.episode, right_project=right, judged_by=actor, success=guess == right)
    _keep_answer(task, actor, guess, right, reason)
    return decision


@transaction.atomic
def import_confirmed(*, rows: Sequence[dict[str, Any]], actor: str) -> list[Task]:
    """Teach from work that was done elsewhere: tasks whose true destination is known, in bulk.

    Each row has the fields of a task, with `project` as a row of `projects`.

    :raises Invalid: naming the first row that is wrong; nothing is stored then
    """
    done = tasks.import_finished_tasks(rows=rows, actor=actor)
    routing.record_imported(tasks=done, actor=actor)
    judged = [
        TaskFeedback(task=task, was_good_match=True, given_by=actor[:100], source=TaskFeedback.Source.IMPORT)
        for task in done
    ]
    TaskFeedback.objects.bulk_create(judged, batch_size=BATCH)
    log.record_events("feedback.recorded", judged, actor=actor)
    return done


def _teach(episode: Episode, feedback: TaskFeedback, right: str | None, actor: str) -> None:
    """Teach by the task's latest episode alone: what earlier ones of the task taught is taken back."""
    for earlier in Episode.objects.for_task(feedback.task_id).filter(judgement__right_project__isnull=False):
        if earlier.pk != episode.pk:
            routing.judge_episode(episode=earlier, right_project=None, judged_by=actor, reliability=0.0)
    routing.judge_episode(
        episode=episode, right_project=right, judged_by=actor, success=feedback.was_good_match,
        reliability=1.0 if right else 0.0,
    )  # fmt: skip


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
    return _only_project_of(instance)


def _only_project_of(instance: Instance) -> str | None:
    served = list(instance.projects.values_list("pk", flat=True)[:2])
    return served[0] if len(served) == 1 else None


def _keep_answer(task: Task, actor: str, guess: str | None, right: str | None, reason: str) -> None:
    good = right is not None and guess == right
    fields = {
        "was_good_match": good, "should_have_routed_to": None if good else right, "routing_feedback": reason or None,
        "given_by": actor[:100], "source": TaskFeedback.Source.REVIEW,
    }  # fmt: skip
    feedback = TaskFeedback.objects.filter(task=task).first() or TaskFeedback(task=task)
    is_new = feedback._state.adding
    for name, value in fields.items():
        setattr(feedback, name, value)
    if is_new:
        feedback.save(force_insert=True)
        log.record_event("feedback.recorded", feedback, actor=actor, was_good_match=good, review=True)
    else:
        log.save_row(feedback, kind="feedback.changed", actor=actor, was_good_match=good, review=True)
