"""Remembering lessons, and fitting the learned factor to them."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Least
from django.utils import timezone

from hopper.common.db.graph import graph_lock
from routing.learning.memory import LONGEST_TAIL
from routing.learning.pool import EXPERTS
from routing.models import Decision, Episode, EpisodeJudgement, LearnedState
from routing.models.decision import DecidedBy
from routing.operations.attention import weigh_attention, weigh_attention_if_due
from routing.operations.reading import current_encoder
from routing.operations.remembering import STATE, lesson_of
from tasks.models import Task

log = logging.getLogger(__name__)

RIGHT, OVERTURNED = 0.1, 0.6  # added to and multiplied with the reliability of a vote (routing.md 4)
NEWEST = 20_000  # examples in process; beyond that pgvector answers (routing.md 4)
FEWEST = 20  # before this many confirmed episodes the lessons themselves are enough
GROWTH = 0.25
KEPT_STATES = 3
FORMER = "lexical"  # the kind of states that were fitted to words alone
BATCH = 500


@transaction.atomic
def judge_episode(
    *, episode: Episode, right_project: str | None, judged_by: str, reliability: float = 1.0,
    success: bool | None = None, signal: str = EpisodeJudgement.Signal.FEEDBACK, now: datetime | None = None,
) -> EpisodeJudgement:  # fmt: skip
    """Remember where the episode's task truly belonged, or (None) that this is unknown; the newest word counts.

    `success` tells a verdict on the decision from a lesson that is taken back: the neighbours that voted are trusted
    more or less by it. The episode's own outcome is set by the first verdict and never again.
    """
    graph_lock("lessons")  # one at a time, so that a later commit has a later time and no reader misses a lesson
    now = now or timezone.now()
    judgement, created = EpisodeJudgement.objects.select_for_update().get_or_create(
        pk=episode.pk,
        defaults={"right_project": right_project, "reliability": reliability, "judged_by": judged_by,
                  "signal": signal, "judged_at": now, "updated_at": now},
    )  # fmt: skip
    is_news = created or judgement.right_project != right_project
    if not created:
        judgement.right_project, judgement.reliability, judgement.signal = right_project, reliability, signal
        judgement.judged_by, judgement.judged_at, judgement.updated_at = judged_by, now, now
        judgement.version += 1
        judgement.save()
    if success is not None and is_news:
        _weigh_voters(episode, right_project, now)
    if success is not None:
        Episode.objects.filter(pk=episode.pk, outcome_success=None).update(outcome_success=success, completed_at=now)
    return judgement


def _weigh_voters(episode: Episode, right: str | None, now: datetime) -> None:
    """Trust the neighbours that voted for the true place more, and those whose vote won and was wrong less.

    One that the others outvoted has done no harm: it may well be right of its own task.
    """
    voters = [near["episode"] for near in episode.decision_factors.get("neighbours", ())]
    told = EpisodeJudgement.objects.filter(pk__in=voters, right_project__isnull=False)
    if right is not None:
        more = Least(F("reliability") + RIGHT, 1.0)
        told.filter(right_project=right).update(reliability=more, weighed_at=now)
    if (guess := _guess(episode)) != right:
        told.filter(right_project=guess).update(reliability=F("reliability") * OVERTURNED, weighed_at=now)


def _guess(episode: Episode) -> str | None:
    """Return where the task went, or else the place that Hopper thought likeliest."""
    ranked = episode.decision_factors.get("candidates", ())
    return episode.chosen_project or (ranked[0]["project"] if ranked else None)


@transaction.atomic
def record_imported(*, tasks: Sequence[Task], actor: str, now: datetime | None = None) -> list[Episode]:
    """Give imported, finished tasks their decision, episode and judgement: a person knew where they belonged."""
    graph_lock("lessons")
    now = now or timezone.now()
    episodes = [
        Episode(
            task=task, tags=task.tags, confidence=1.0, strategy=DecidedBy.HUMAN, routed_at=task.created_at,
            chosen_project=task.project_id, chosen_instance=task.instance_id, outcome_success=True,
            completed_at=task.finished_at, decision_factors={"imported": True},
        )
        for task in tasks
    ]  # fmt: skip
    text = f"Done elsewhere and imported by {actor}."
    Episode.objects.bulk_create(episodes, batch_size=BATCH)
    Decision.objects.bulk_create(
        [
            Decision(
                task=task, project_id=task.project_id, instance_id=task.instance_id, confidence=1.0, reasoning=text,
                outcome=Decision.Outcome.ROUTED, decided_by=DecidedBy.HUMAN, decided_at=now, episode=episode,
            )
            for task, episode in zip(tasks, episodes, strict=True)
        ],
        batch_size=BATCH,
    )  # fmt: skip
    EpisodeJudgement.objects.bulk_create(
        [
            EpisodeJudgement(
                episode=episode, right_project=episode.chosen_project, judged_by=actor, judged_at=now, updated_at=now
            )
            for episode in episodes
        ],
        batch_size=BATCH,
    )
    return episodes


def refit_if_due() -> LearnedState | None:
    """Fit anew when a quarter as many lessons as the last fit knew are new or have changed since it.

    It is due before the lessons since the fit outgrow what a process holds of them, and once another encoder is
    configured. Between two fits the attention alone is weighed anew.
    """
    newest = LearnedState.objects.filter(kind=STATE).order_by("-number").values_list("metrics", flat=True).first()
    if newest is None:
        return refit() if EpisodeJudgement.objects.confirmed().count() >= FEWEST else None
    since = datetime.fromisoformat(newest["judged_until"])
    enough = min(max(FEWEST, newest["examples"] * GROWTH), LONGEST_TAIL)
    if newest["encoder"] != current_encoder() or EpisodeJudgement.objects.changed_after(since).count() >= enough:
        return refit()
    weigh_attention_if_due()
    return None


def refit() -> LearnedState | None:
    """Fit the learned factor to the newest 20,000 confirmed episodes; None when there is nothing to learn.

    Decisions go on with the last state meanwhile. Of two fits at once the first to finish is kept.
    """
    judged = EpisodeJudgement.objects.aggregate(until=Max("updated_at"), weighed=Max("weighed_at"))
    encoder = current_encoder()
    rows = EpisodeJudgement.objects.confirmed()
    rows = rows.with_meaning() if encoder else rows.with_text()
    lessons = [lesson_of(row, encoder) for row in rows.order_by("-updated_at", "-pk")[:NEWEST]][::-1]
    if not lessons:
        return None
    from routing.learning.fit import fit  # scikit-learn: only where it is needed

    number = _last_number() + 1
    arrays, metrics = fit(lessons, encoder=encoder)
    metrics["judged_until"] = judged["until"].isoformat()
    metrics["weighed_until"] = judged["weighed"].isoformat() if judged["weighed"] else None
    metrics["weights"] = dict(zip(EXPERTS, arrays.pool.tolist(), strict=True))
    return _keep(number, arrays.to_bytes(), metrics)


def _last_number() -> int:
    newest = LearnedState.objects.filter(kind=STATE).order_by("-number").values_list("number", flat=True).first()
    return newest or 0


def _keep(number: int, arrays: bytes, metrics: dict[str, Any]) -> LearnedState | None:
    try:
        with transaction.atomic():
            state = LearnedState.objects.create(kind=STATE, number=number, arrays=arrays, metrics=metrics)
            weigh_attention(by=f"fit {number}")
    except IntegrityError:
        log.info("Another process has fitted state %s already; this fit is dropped.", number)
        return None
    old = Q(kind=STATE, number__lte=number - KEPT_STATES) | Q(kind=FORMER)
    LearnedState.objects.filter(old).delete()
    return state
