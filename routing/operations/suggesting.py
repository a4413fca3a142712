"""Tags, an effort or subtasks that a language model proposes; a person accepts or dismisses them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.errors import HopperError
from hopper.events import operations as events
from routing.advisers import AdviceFailed, Adviser, get_llm
from routing.models import TaskAdvice
from routing.operations import loading
from routing.operations.budget import reserve, settle_cost
from routing.operations.questions import is_private, plain_question
from tasks import operations as tasks
from tasks.models import Task

State = TaskAdvice.State


class NoAdviser(HopperError):
    """There is nobody to ask: set LLM_MODEL."""

    code = "no_adviser"


class PrivateTask(HopperError):
    """The task belongs to a PERSONAL or FAMILY branch: its text is sent to no language model."""

    code = "private_task"


class NotProposed(HopperError):
    """The advice waits for nobody's answer: it is still being made, or settled already."""

    code = "not_proposed"


@transaction.atomic
def ask_for_advice(*, task: Task, kinds: Sequence[str], actor: str) -> list[TaskAdvice]:
    """Ask for advice of these kinds; it is made soon, and one that is open already is not asked for again.

    :raises NoAdviser: if no language model is configured
    :raises PrivateTask: if the text of the task may not leave
    """
    llm = get_llm()
    if llm is None:
        raise NoAdviser
    if is_private(task):
        raise PrivateTask
    events.lock_row(task)
    open_ones = {advice.kind: advice for advice in TaskAdvice.objects.open().filter(task=task, kind__in=kinds)}
    return [open_ones.get(kind) or _want(task, kind, llm, actor) for kind in dict.fromkeys(kinds)]


def _want(task: Task, kind: str, llm: Adviser, actor: str) -> TaskAdvice:
    advice = TaskAdvice(task=task, kind=kind, model=llm.model, asked_by=actor)
    return events.create_row(advice, kind="advice.wanted", actor=actor, unique=False, task=task.pk, asked_for=kind)


def make_advice(*, key: str) -> None:
    """Ask the language model for what is wanted; outside of any transaction."""
    advice = TaskAdvice.objects.filter(pk=key, state=State.ASKED).select_related("task").first()
    llm = get_llm()
    if advice is None:
        return
    if llm is None or is_private(advice.task):
        _settle(advice, State.FAILED, {})
        return
    question = plain_question(loading.view_of_task(advice.task, now=timezone.now()))
    most = llm.bound(question)
    if not reserve(model=llm.model, most=most):
        _settle(advice, State.FAILED, {})
        return
    try:
        content = llm.propose(advice.kind, question)
    except AdviceFailed:
        _settle(advice, State.FAILED, {})
    else:
        _settle(advice, State.PROPOSED, content)
    finally:
        settle_cost(adviser=llm, most=most)


@transaction.atomic
def _settle(advice: TaskAdvice, state: State, content: dict[str, Any]) -> None:
    fresh = events.lock_row(advice)
    if fresh.state == State.ASKED:
        fresh.state, fresh.content = state, content
        events.save_row(fresh, kind=f"advice.{state}", actor=fresh.model, task=fresh.task_id, asked_for=fresh.kind)


@transaction.atomic
def settle_advice(*, advice: TaskAdvice, accept: bool, actor: str) -> TaskAdvice:
    """Apply the advice to its task as the person's own change, or dismiss it.

    :raises NotProposed: if it is not there to be answered
    :raises HopperError: if the task cannot take it, as subtasks of a task that is not routed
    """
    advice = events.lock_row(advice)
    if advice.state != State.PROPOSED:
        raise NotProposed
    if accept:
        APPLY[advice.kind](advice.task, advice.content[advice.kind], actor)
    advice.state, advice.settled_by = State.ACCEPTED if accept else State.DISMISSED, actor
    kind = f"advice.{advice.state}"
    return events.save_row(advice, kind=kind, actor=actor, task=advice.task_id, asked_for=advice.kind)


def _add_tags(task: Task, tags: list[str], actor: str) -> None:
    tasks.change_task(task=task, actor=actor, tags=sorted({*task.tags, *tags}))


def _set_effort(task: Task, effort: str, actor: str) -> None:
    tasks.change_task(task=task, actor=actor, estimated_effort=effort)


def _split(task: Task, parts: list[dict[str, Any]], actor: str) -> None:
    tasks.decompose_task(task=task, subtasks=parts, actor=actor)


APPLY: dict[str, Callable[[Task, Any, str], None]] = {"tags": _add_tags, "effort": _set_effort, "subtasks": _split}
