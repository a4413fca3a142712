"""How much each expert of the learned factor counts: chosen by what they said of the latest judged tasks."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.events import operations as log
from routing.learning.pool import EXPERTS, weights_of
from routing.models import AttentionWeight, EpisodeJudgement, LearnedState
from routing.operations.remembering import GLOBAL, STATE

LATEST = 300  # feedbacks that the weights are chosen by (routing.md 4)
FEWEST = 50  # below it the weights stay those of the fit
KEPT_HISTORY = 50


def weigh_attention_if_due() -> bool:
    """Weigh anew once 50 tasks have been judged since the last time; tell whether that was so."""
    last = AttentionWeight.objects.filter(scope=GLOBAL).order_by("-weighed_at").first()
    judged = EpisodeJudgement.objects.confirmed()
    if last and judged.changed_after(last.weighed_at).count() < FEWEST:
        return False
    weigh_attention(by="feedback")
    return True


@transaction.atomic
def weigh_attention(*, by: str) -> dict[str, float]:
    """Choose the weights by the log-loss of the latest feedback; with too little of it those of the fit count."""
    before = {row.factor: row for row in AttentionWeight.objects.select_for_update().filter(scope=GLOBAL)}
    records, fitted = _records(before), fitted_weights()
    weights = dict(fitted)
    if len(records) >= FEWEST:
        from routing.learning.attention import weights_lately  # SciPy: only where it is needed

        chosen = weights_lately(records, start=weights_of(fitted))
        weights = dict(zip(EXPERTS, chosen.tolist(), strict=True))
    _store(before, weights, f"{by}, {len(records)} judged tasks")
    return weights


@transaction.atomic
def reset_attention(*, actor: str) -> dict[str, float]:
    """Go back to the weights of the fit; feedback until now is no reason to leave them any more."""
    before = {row.factor: row for row in AttentionWeight.objects.select_for_update().filter(scope=GLOBAL)}
    weights = fitted_weights()
    for row in before.values():
        row.reset_at = timezone.now()
        log.record_event("attention.reset", row, actor=actor, weight=row.weight)
    _store(before, weights, f"reset by {actor}")
    return weights


def fitted_weights() -> dict[str, float]:
    """Return the weights that the newest fit chose by the examples that it held out."""
    metrics = LearnedState.objects.filter(kind=STATE).order_by("-number").values_list("metrics", flat=True).first()
    return dict(metrics["weights"]) if metrics else {}


def _records(before: Mapping[str, AttentionWeight]) -> list[tuple[dict[str, Any], str]]:
    """Return what the experts said of the latest judged tasks, and the true place, newest first."""
    rows = EpisodeJudgement.objects.confirmed()
    resets = [row.reset_at for row in before.values() if row.reset_at]
    if resets:
        rows = rows.filter(updated_at__gt=max(resets))
    told = rows.order_by("-updated_at", "-pk").values_list("episode__decision_factors__experts", "right_project")
    return [(said, right) for said, right in told[:LATEST] if said and right]


def _store(before: Mapping[str, AttentionWeight], weights: Mapping[str, float], why: str) -> None:
    """Store the weights with the values before them."""
    now, rows = timezone.now(), []
    at = now.isoformat(timespec="seconds")
    for factor, weight in weights.items():
        row = before.get(factor) or AttentionWeight(scope=GLOBAL, factor=factor)
        row.weight, row.weighed_at = round(weight, 4), now
        row.history = [{"weight": row.weight, "at": at, "by": why}, *row.history][:KEPT_HISTORY]
        rows.append(row)
    AttentionWeight.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["scope", "factor"],
        update_fields=["weight", "history", "reset_at", "weighed_at"],
    )  # fmt: skip
