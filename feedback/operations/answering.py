"""Answers to the review queue: the task goes there, and Hopper learns from it."""

from django.db import transaction

from feedback.models import TaskFeedback
from feedback.operations.judging import keep, only_project_of
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.models import Instance
from projects.models import Project
from routing import operations as routing
from routing.models import Decision
from tasks.models import Task


class NotInReview(HopperError):
    """This task waits for nobody's answer."""

    code = "not_in_review"


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
        right = only_project_of(instance)
    if doubted and doubted.episode and right:
        routing.judge_episode(episode=doubted.episode, right_project=right, judged_by=actor, success=guess == right)
    _keep_answer(task, actor, guess, right, reason)
    return decision


def nth_place(*, task: Task, choice: int) -> dict[str, str]:
    """Return the project that Hopper thought of first, second or third, as a client would name it.

    :raises Invalid: if it did not think of so many
    """
    decision = getattr(task, "decision", None)
    places = [place["project"] for place in decision.alternatives if place["project"]] if decision else []
    if choice > len(places):
        raise Invalid({"choice": [f"Hopper thought of {len(places)} places: name the project."]})
    return {"project": places[choice - 1]}


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
    keep(feedback, is_new=is_new, actor=actor)
