"""The version in shadow: it decides beside the one in force, and nothing follows from it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from django.db import transaction

from routing.models import Decision, Episode, PolicyVersion, ShadowChoice
from routing.models.decision import DecidedBy
from routing.operations.backtests import place_of
from routing.operations.dossier import Dossier
from routing.policy.tally import Known, Tally
from routing.policy.types import Choice, TaskView
from routing.policy.view import PolicyView

SHOWN = 20


def decide_in_shadow(*, decision: Decision, view: TaskView, dossier: Dossier) -> None:
    """Let the challenger decide too, once the live decision is committed; a failure is logged and changes nothing."""
    challenger = dossier.knowledge.challenger
    if challenger is None or decision.episode is None or decision.decided_by == DecidedBy.EXPLICIT:
        return
    beside = replace(dossier, knowledge=replace(dossier.knowledge, policy=challenger))
    episode = decision.episode
    transaction.on_commit(lambda: _keep(episode, beside.decide(view)[0], challenger), robust=True)


@transaction.atomic
def _keep(episode: Episode, choice: Choice, challenger: PolicyView) -> None:
    ShadowChoice.objects.create(
        episode=episode, policy_version_id=str(challenger.id), project=place_of(choice), confidence=choice.confidence,
        scores={place.project: round(place.score, 4) for place in choice.ranked[:SHOWN] if place.project},
    )  # fmt: skip


def report_shadow(*, version: PolicyVersion) -> dict[str, Any]:
    """Return how often the version agreed with the live decisions since it went into shadow, and what it would win.

    Counted anew each time, as judgements arrive days after the decisions.
    """
    rows = list(ShadowChoice.objects.compared(version))
    days: dict[date, list[Mapping[str, Any]]] = {}
    for row in rows:
        days.setdefault(row["day"], []).append(row)
    return {
        "version_id": version.pk, "since": version.shadowed_at, **_counted(rows).as_dict(),
        "days": [{"day": day, **_counted(of_day).summary()} for day, of_day in days.items()],
    }  # fmt: skip


def _counted(rows: Iterable[Mapping[str, Any]]) -> Tally:
    tally = Tally()
    for row in rows:
        tally.add(row["tried"], row["project"], Known(row["tried"], row["outcome"], row["truth"]), n=row["n"])
    return tally
