"""Asking advisers, one after the other, where a task belongs that Hopper could not place; never in a request.

A delivery is written with each abstention and carried by the relay or a worker. The answer is one more voice in a
decision like any other, unless a person was quicker. Whatever goes wrong, the task waits for a person as before.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from hopper.common.absence import absence_of
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as events
from hopper.events.models import Delivery
from projects.models import Project
from routing.advisers import Advice, AdviceFailed, Adviser, Question, Sage, in_order, one_line
from routing.models import AdviserQuestion
from routing.operations import loading
from routing.operations.budget import reserve, settle_cost
from routing.operations.counsel import about
from routing.operations.deciding import route_task
from routing.operations.dossier import open_dossier
from routing.operations.questions import digest_of, is_in_doubt, is_private, question_of, rivals_in
from routing.operations.suggesting import make_advice
from tasks.models import Task

CONSUMER = "advice"
OVER_BUDGET = "The budget of the day is used up."
AWAY = "It was away a moment ago."
State = AdviserQuestion.State
log = logging.getLogger(__name__)


def advise_waiting(*, limit: int = 5, now: datetime | None = None) -> int:
    """Ask about what waits, and go on to the next where an answer did not come in time; return how many were done."""
    overdue = list(AdviserQuestion.objects.overdue(now or timezone.now()).select_related("task")[:limit])
    for question in overdue:
        if not question.task.review_required:
            _close(question, State.OVERTAKEN)
        elif _close(question, State.EXPIRED):
            advise_on(task=question.task)
    lease = timedelta(seconds=6 * settings.LLM_TIMEOUT + 10)  # two tries of each form of a question
    return len(overdue) + events.drain(CONSUMER, _take_in, batch=1, limit=limit, lease=lease)


def _take_in(deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        try:
            if delivery.aggregate_type == "routing.taskadvice":
                make_advice(key=delivery.aggregate_id)
            elif task := Task.objects.in_review().filter(pk=delivery.aggregate_id).first():
                advise_on(task=task)
        except HopperError as error:
            raise events.DeliveryFailed(error.message) from error


def advise_on(*, task: Task, patience: float | None = None) -> bool:
    """Ask the advisers in their order until one answers or is waited for; tell whether the task was decided anew.

    Everybody is asked once about the same text, policy and learning. `patience` is how many seconds one may take.
    """
    for adviser in in_order(patience=patience):
        if AdviserQuestion.objects.open().filter(task=task, adviser=adviser.kind).exists():
            return False  # it is being asked
        asked = _open(task, adviser)
        if asked is None:
            continue
        question, told = asked
        advice = _ask(adviser, question, told)
        if advice is None and question.state == State.ASKED:
            return False  # it answers later
        if advice and advice.option and _keep(question, advice):
            return decide_anew(question=question)
    return False


def _open(task: Task, adviser: Adviser) -> tuple[AdviserQuestion, Question] | None:
    """Store the question before it is asked; None where there is none to ask, or it was asked already."""
    known, question, told = _prepare(task, adviser)
    if known or question is None or is_private(task):
        return None
    try:
        told_of = {"task": task.pk, "adviser": adviser.kind}
        events.create_row(question, kind="question.asked", actor=events.HOPPER, unique=False, **told_of)
    except IntegrityError:  # another worker asks this very moment, or the task was deleted
        return None
    return question, told


def _prepare(task: Task, adviser: Adviser) -> tuple[AdviserQuestion | None, AdviserQuestion | None, Question]:
    """Return the question as it was asked before, an unsaved new one, and what is told; None for what there is not."""
    view = loading.view_of_task(task, now=timezone.now())
    dossier = open_dossier(view=view)
    key = about(view, dossier)
    known = AdviserQuestion.objects.filter(task=task, adviser=adviser.kind, about=key).first()
    choice, _ = dossier.decide(view)
    told, options = question_of(view, choice, dossier)
    if not is_in_doubt(choice) or not options:
        return known, None, told
    new = AdviserQuestion(
        task=task, adviser=adviser.kind, model=adviser.model, about=key, dossier=digest_of(told), options=options,
        rivals=rivals_in(choice), asked_at=timezone.now(), deadline=timezone.now() + _patience_with(adviser),
    )  # fmt: skip
    return known, new, told


def _patience_with(adviser: Adviser) -> timedelta:
    return timedelta(seconds=settings.SAGE_SECONDS if adviser.kind == "sage" else 6 * settings.LLM_TIMEOUT + 10)


def _ask(adviser: Adviser, question: AdviserQuestion, told: Question) -> Advice | None:
    """Return the answer, or None if there is none now; a question that will have none is closed."""
    try:
        advice = _answer(adviser, told)
    except AdviceFailed as error:
        log.warning("%s gave no advice: %s", adviser.model, error.message)
        _close(question, State.FAILED, reason=error.message[:500])
        return None
    if advice and advice.option is None:
        _close(question, State.ABSTAINED, reason=advice.reason, confidence=advice.confidence)
    return advice


def _answer(adviser: Adviser, told: Question) -> Advice | None:
    """Ask outside of any transaction, within the budget; who was away is left alone for a while.

    :raises AdviceFailed: if there is no answer that can be used
    """
    most, absence = adviser.bound(told), absence_of(f"{adviser.kind} {adviser.model}")
    if most.calls and absence.lasts:
        raise AdviceFailed(AWAY)
    if most.calls and not reserve(model=adviser.model, most=most):
        raise AdviceFailed(OVER_BUDGET)
    try:
        return adviser.advise(told)
    except AdviceFailed as error:
        if error.is_outage:
            absence.begin()
        raise
    finally:
        settle_cost(adviser=adviser, most=most)


def _keep(question: AdviserQuestion, advice: Advice) -> bool:
    return _close(
        question, State.ANSWERED, choice=question.options[advice.option or ""], confidence=advice.confidence,
        reason=advice.reason,
    )  # fmt: skip


@transaction.atomic
def _close(question: AdviserQuestion, state: State, was: State = State.ASKED, **fields: object) -> bool:
    """Store what became of the question; False if that is settled already."""
    fresh = events.lock_row(question)
    if fresh.state != was:
        question.state = fresh.state
        return False
    answered = {"answered_at": timezone.now()} if state in (State.ANSWERED, State.ABSTAINED) else {}
    for name, value in {"state": state, **answered, **fields}.items():
        setattr(fresh, name, value)
        setattr(question, name, value)
    events.save_row(fresh, kind=f"question.{state}", actor=question.model, task=question.task_id)
    return True


def decide_anew(*, question: AdviserQuestion) -> bool:
    """Decide about the task with the answer as one more voice; False if somebody else was quicker."""
    task = Task.objects.in_review().filter(pk=question.task_id).first()
    try:
        if task:
            route_task(task=task, actor=question.model)
            return True
    except HopperError as error:  # routed, cancelled or deleted meanwhile
        log.info("The answer of %s came too late: %s", question.model, error.message)
    _close(question, State.OVERTAKEN, was=State.ANSWERED)
    return False


def is_sage(*, actor: str) -> bool:
    """Tell whether this key or account answers as the sage."""
    return bool(settings.SAGE) and actor == settings.SAGE


@transaction.atomic
def answer_as_sage(
    *, task: Task, actor: str, project: Project | None = None, confidence: float = 1.0, reason: str = ""
) -> None:
    """Take the sage's word as one more voice and decide anew; None of the projects: it cannot tell.

    It may answer unasked, too late, and once more while the task is in review.

    :raises Invalid: if the project is none of those that could take the task
    """
    known, new, _ = _prepare(task, Sage(actor[:100]))
    question = known or new
    if question is None:
        raise Invalid({"project": ["There is no doubt about this task that a sage could settle: a person has to."]})
    if project and project.pk not in question.options.values():
        raise Invalid({"project": [f"{project.pk} cannot take this task: see the candidates of its dossier."]})
    if known is None:
        events.create_row(question, kind="question.asked", actor=actor, unique=False, task=task.pk, adviser="sage")
    state = State.ANSWERED if project else State.ABSTAINED
    told = {"choice": project.pk if project else None, "confidence": confidence, "reason": one_line(reason)}
    _close(question, state, was=State(question.state), **told)
    if project:
        decide_anew(question=question)
