"""What advisers have said of a task, read for its decision; and when two questions are the same."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from routing.models import AdviserQuestion, EpisodeJudgement
from routing.operations.dossier import Dossier
from routing.policy.types import TaskView
from routing.strategies.advice import Counsel, accuracy_of
from tasks.models import Task

LOOKED_AT = 1_000  # of its answers: not all are ever judged
RECORD = 200  # judged answers that an adviser's accuracy is taken from


def about(view: TaskView, dossier: Dossier) -> str:
    """Return what a question is about: while the task, the policy and the learned state are these, it is the same."""
    seen = [view.text, view.priority, dict(view.required), view.passed_over]
    known = [dossier.policy.id, dossier.policy.number, dossier.memory.number]
    return hashlib.sha256(json.dumps([seen, known]).encode()).hexdigest()


def with_counsels(dossier: Dossier, *, task: Task, view: TaskView) -> Dossier:
    """Add what advisers have said of the task; nobody was asked before it went to review, so nothing is read then."""
    if not task.review_required:
        return dossier
    said = AdviserQuestion.objects.answered().filter(task=task, about=about(view, dossier)).order_by("adviser")
    return replace(dossier, counsels=_counsels(said))


def _counsels(said: Iterable[AdviserQuestion]) -> tuple[Counsel, ...]:
    return tuple(
        Counsel(
            question.adviser, question.model, question.choice or "",
            min(trust_in(question.adviser, question.model), question.confidence or 0.0), question.rivals,
        )
        for question in said
    )  # fmt: skip


def trust_in(kind: str, model: str) -> float:
    """Return how far the adviser can be trusted, by its last judged answers; what it says of itself only lowers it."""
    latest = AdviserQuestion.objects.answered().filter(model=model, adviser=kind).order_by("-answered_at")
    seen = AdviserQuestion.objects.filter(pk__in=latest.values("pk")[:LOOKED_AT])
    judged = seen.judged(EpisodeJudgement.objects.confirmed())
    told = [question.choice == question.truth for question in judged[:RECORD]]  # type: ignore[attr-defined]
    return accuracy_of(kind, right=sum(told), wrong=len(told) - sum(told))
