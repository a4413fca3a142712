"""Weak lessons from what became of the work, where nobody has said anything; what somebody says always wins.

They are drawn by a sweep: a completion writes nothing more than it has to, and a lesson that comes a minute later
teaches as much. What is drawn follows from the rows alone, so doing it twice changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value

from feedback.models import TaskFeedback
from hopper.common.db.graph import graph_lock
from hopper.events import operations as log
from hopper.events.models import Event
from routing import operations as routing
from routing.models import DecidedBy, Decision, Delegation, Episode, EpisodeJudgement
from tasks.models import Task

Signal = EpisodeJudgement.Signal
RELIABILITY = {Signal.COMPLETED: 0.3, Signal.MOVED: 0.6, Signal.DECLINED: 0.0}
UNFIT = (Delegation.ReasonCode.NOT_CAPABLE, Delegation.ReasonCode.OUT_OF_SCOPE)  # the others tell nothing of the match
AT_ONCE = 500


@dataclass(frozen=True)
class Hint:
    """What became of an episode, and where its task belonged as far as that tells it."""

    episode: str
    signal: Signal
    right_project: str | None


def learn_from_work(*, since: datetime) -> int:
    """Draw a weak lesson from each task that went on since then and that nobody has judged; return how many."""
    offered = Delegation.objects.filter(delegated_at__gte=since).values("task")  # a refused offer leaves its task alone
    return _draw(Task.objects.filter(updated_at__gte=since)) + _draw(Task.objects.filter(pk__in=offered))


def learn_from_tasks(*keys: str) -> int:
    """Draw the weak lessons of these tasks, as far as nobody has judged them; return how many."""
    return _draw(Task.objects.filter(pk__in=keys))


def _draw(tasks: QuerySet[Task]) -> int:
    unjudged = tasks.filter(feedback=None).order_by()
    hints = [hint for find in (_completed, _moved, _declined) for hint in find(unjudged)]
    return sum(_teach(hint) for hint in hints)


@transaction.atomic
def _teach(hint: Hint) -> bool:
    graph_lock("lessons")  # before the look at what was said, so that nobody says it between
    if TaskFeedback.objects.filter(task__episodes=hint.episode).exists():
        return False
    routing.judge_episode(
        episode=Episode.objects.get(pk=hint.episode), right_project=hint.right_project, judged_by=log.HOPPER,
        reliability=RELIABILITY[hint.signal], signal=hint.signal,
    )  # fmt: skip
    return True


def _open(prefix: str, *signals: Signal) -> Q:
    """Episodes without a lesson, or with one that gives way."""
    return Q(**{f"{prefix}judgement": None}) | Q(**{f"{prefix}judgement__signal__in": [Signal.WITHDRAWN, *signals]})


def _completed(tasks: QuerySet[Task]) -> list[Hint]:
    """The work was done there, at the first go: so it belonged there."""
    done = tasks.filter(status=Task.Status.COMPLETED, project__isnull=False).exclude(_was("task.retried"))
    rows = Decision.objects.filter(_open("episode__", Signal.DECLINED), task__in=done, episode__isnull=False)
    return _hints(rows.values_list("episode", "task__project"), Signal.COMPLETED)


def _moved(tasks: QuerySet[Task]) -> list[Hint]:
    """A person took it from there to another project: so it belonged to that one."""
    human = Episode.objects.filter(strategy=DecidedBy.HUMAN, chosen_project__isnull=False)
    later = human.filter(task=OuterRef("task"), routed_at__gt=OuterRef("routed_at")).order_by("routed_at")
    left = Episode.objects.filter(
        _open("", Signal.DECLINED), task__in=tasks.filter(Exists(human.filter(task=OuterRef("pk"))))
    )
    moved = left.annotate(to=Subquery(later.values("chosen_project")[:1])).filter(to__isnull=False)
    elsewhere = moved.filter(Q(chosen_project=None) | ~Q(chosen_project=F("to")))
    return _hints(elsewhere.values_list("pk", "to"), Signal.MOVED)


def _declined(tasks: QuerySet[Task]) -> list[Hint]:
    """Who was offered it said that it is not theirs to do: so it belonged elsewhere, nobody knows where."""
    refused = Delegation.objects.filter(
        task=OuterRef("task"), status=Delegation.Status.REJECTED, reason_code__in=UNFIT,
        delegated_at__gte=OuterRef("decided_at"),
    )  # fmt: skip
    unfinished = tasks.exclude(status=Task.Status.COMPLETED)
    rows = Decision.objects.filter(_open("episode__"), Exists(refused), task__in=unfinished, episode__isnull=False)
    return _hints(rows.values_list("episode", Value(None, CharField())), Signal.DECLINED)


def _was(kind: str) -> Exists:
    label = Task._meta.label_lower
    return Exists(Event.objects.filter(aggregate_type=label, aggregate_id=OuterRef("pk"), type=kind))


def _hints(rows: Any, signal: Signal) -> list[Hint]:
    """Return the first of them; the next sweep finds the others."""
    return [Hint(episode, signal, right) for episode, right in rows[:AT_ONCE]]
