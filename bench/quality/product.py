"""What Hopper did with the tasks, through its own operations."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.quality.data import Row

ACTOR = "bench"
BATCH = 500
REFITTED_AFTER = 10  # feedbacks; the job comes by every minute


@dataclass(frozen=True)
class Answer:
    """What Hopper said of one task: its best guess, whether it went there, how sure, and how familiar it found it."""

    truth: str | None
    guess: str | None
    routed: bool
    sure: float
    familiar: float

    @property
    def is_right(self) -> bool:
        return self.truth is not None and self.guess == self.truth


def begin(labels: Sequence[str]) -> None:
    """Empty the database and register a project for each label."""
    from django.core.management import call_command

    from projects.operations import register_project
    from routing.operations import loading

    call_command("flush", interactive=False, verbosity=0)
    loading.forget()
    for label in labels:
        register_project(name=label, actor=ACTOR)


def teach(rows: Sequence[Row]) -> None:
    """Import the rows as confirmed work, and fit."""
    from feedback.operations import import_confirmed
    from projects.models import Project
    from routing.operations import refit

    projects = Project.objects.in_bulk()
    for start in range(0, len(rows), BATCH):
        part = [row.fields | {"project": projects[row.label or ""]} for row in rows[start : start + BATCH]]
        import_confirmed(rows=part, actor=ACTOR)
    refit()


def ask(rows: Sequence[Row]) -> list[Answer]:
    """Submit the rows one at a time; the doorbell routes each."""
    return [_answer(_submitted(row), row.label) for row in rows]


def stream(rows: Sequence[Row], *, wrong: float, labels: Sequence[str]) -> Iterator[Answer]:
    """Submit the rows one at a time and judge each at once; a share of the judgements names a place by chance."""
    from routing.operations import refit_if_due

    chance = random.Random(len(rows))
    for number, row in enumerate(rows, start=1):
        task = _submitted(row)
        yield _answer(task, row.label)
        _judge(task, chance.choice(labels) if chance.random() < wrong else row.label)
        if number % REFITTED_AFTER == 0:
            refit_if_due()


def _submitted(row: Row) -> Any:
    from tasks.operations import submit_task

    return submit_task(actor=ACTOR, **row.fields)


def _answer(task: Any, truth: str | None) -> Answer:
    from routing.models import Decision

    decision = Decision.objects.select_related("episode").get(task=task)
    evidence = decision.episode.decision_factors
    best = evidence["candidates"][0]["project"] if evidence["candidates"] else None
    familiar = evidence.get("experts", {}).get("familiarity", 0.0)
    return Answer(truth, best, decision.outcome == "routed", decision.confidence, familiar)


def _judge(task: Any, place: str) -> None:
    from feedback.operations import answer_review, record_feedback
    from projects.models import Project

    task.refresh_from_db()
    if task.review_required:
        answer_review(task=task, project=Project.objects.get(pk=place), actor=ACTOR)
    elif task.project_id == place:
        record_feedback(task=task, was_good_match=True, actor=ACTOR)
    else:
        record_feedback(task=task, was_good_match=False, should_have_routed_to=place, actor=ACTOR)


def figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Return accuracy over all, over the surest 80 %, and the calibration error, of tasks that belong somewhere."""
    from routing.learning.pool import calibration_error

    placed = [answer for answer in answers if answer.truth]
    sure = np.array([answer.sure for answer in placed])
    right = np.array([answer.is_right for answer in placed])
    surest = np.argsort(-sure, kind="stable")[: round(0.8 * len(placed))]
    return {
        "hopper": _percent(right.mean()), "at_80": _percent(right[surest].mean()),
        "ece": round(calibration_error(sure, right), 3),
    }  # fmt: skip


def auroc(inside: Sequence[Answer], outside: Sequence[Answer]) -> float:
    """Return how well familiarity tells tasks that belong somewhere from those that do not."""
    from sklearn.metrics import roc_auc_score

    truth = [True] * len(inside) + [False] * len(outside)
    return round(float(roc_auc_score(truth, [answer.familiar for answer in (*inside, *outside)])), 3)


def _percent(share: float) -> float:
    return round(100 * float(share), 1)
