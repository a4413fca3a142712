"""Tags, an effort or subtasks that a language model proposes; a person accepts or dismisses them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.errors import HopperError
from hopper.events import operations as events
from routing.advisers import LLM, AdviceFailed, get_llm
from routing.models import Proposal
from routing.operations import loading
from routing.operations.budget import reserve, settle_cost
from routing.operations.questions import is_private, plain_question
from tasks import operations as tasks
from tasks.models import Task

State = Proposal.State


class NoAdviser(HopperError):
    """There is nobody to ask: set LLM_MODEL."""

    code = "no_adviser"


class PrivateTask(HopperError):
    """The task belongs to a PERSONAL or FAMILY branch: its text is sent to no language model."""

    code = "private_task"


class NotProposed(HopperError):
    """The proposal waits for nobody's answer: it is still being made, or settled already."""

    code = "not_proposed"


@transaction.atomic
def ask_for_advice(*, task: Task, kinds: Sequence[str], actor: str) -> list[Proposal]:
    """Ask for proposals of these kinds; they are made soon, and one that is open already is not asked for again.

    :raises NoAdviser: if no language model is configured
    :raises PrivateTask: if the text of the task may not leave
    """
    llm = get_llm()
    if llm is None:
        raise NoAdviser
    if is_private(task):
        raise PrivateTask
    events.lock_row(task)
    open_ones = {proposal.kind: proposal for proposal in Proposal.objects.open().filter(task=task, kind__in=kinds)}
    return [open_ones.get(kind) or _want(task, kind, llm, actor) for kind in dict.fromkeys(kinds)]


def _want(task: Task, kind: str, llm: LLM, actor: str) -> Proposal:
    proposal = Proposal(task=task, kind=kind, model=llm.model, asked_by=actor)
    return events.create_row(proposal, kind="advice.wanted", actor=actor, unique=False, task=task.pk, asked_for=kind)


def make_proposal(*, key: str) -> None:
    """Ask the language model for what is wanted; outside of any transaction."""
    proposal = Proposal.objects.filter(pk=key, state=State.ASKED).select_related("task").first()
    llm = get_llm()
    if proposal is None:
        return
    if llm is None or is_private(proposal.task):
        _settle(proposal, State.FAILED, {})
        return
    question = plain_question(loading.view_of_task(proposal.task, now=timezone.now()))
    most = llm.bound(question)
    if not reserve(model=llm.model, most=most):
        _settle(proposal, State.FAILED, {})
        return
    try:
        content = llm.propose(proposal.kind, question)
    except AdviceFailed:
        _settle(proposal, State.FAILED, {})
    else:
        _settle(proposal, State.PROPOSED, content)
    finally:
        settle_cost(adviser=llm, most=most)


@transaction.atomic
def _settle(proposal: Proposal, state: State, content: dict[str, Any]) -> None:
    fresh = events.lock_row(proposal)
    if fresh.state == State.ASKED:
        fresh.state, fresh.content = state, content
        events.save_row(fresh, kind=f"advice.{state}", actor=fresh.model, task=fresh.task_id, asked_for=fresh.kind)


@transaction.atomic
def settle_proposal(*, proposal: Proposal, accept: bool, actor: str) -> Proposal:
    """Apply the proposal to its task as the person's own change, or dismiss it.

    :raises NotProposed: if it is not there to be answered
    :raises HopperError: if the task cannot take it, as subtasks of a task that is not routed
    """
    proposal = events.lock_row(proposal)
    if proposal.state != State.PROPOSED:
        raise NotProposed
    if accept:
        APPLY[proposal.kind](proposal.task, proposal.content[proposal.kind], actor)
    proposal.state, proposal.settled_by = State.ACCEPTED if accept else State.DISMISSED, actor
    kind = f"advice.{proposal.state}"
    return events.save_row(proposal, kind=kind, actor=actor, task=proposal.task_id, asked_for=proposal.kind)


def _add_tags(task: Task, tags: list[str], actor: str) -> None:
    tasks.change_task(task=task, actor=actor, tags=sorted({*task.tags, *tags}))


def _set_effort(task: Task, effort: str, actor: str) -> None:
    tasks.change_task(task=task, actor=actor, estimated_effort=effort)


def _split(task: Task, parts: list[dict[str, Any]], actor: str) -> None:
    tasks.decompose_task(task=task, subtasks=parts, actor=actor)


APPLY: dict[str, Callable[[Task, Any, str], None]] = {"tags": _add_tags, "effort": _set_effort, "subtasks": _split}
