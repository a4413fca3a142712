"""How much each expert of the learned factor counts: chosen by what they said of the latest judged tasks.

The house has its weights, and so has every instance where enough of the tasks filed there, or below, were judged. It
begins from those of the instance above, as its own tasks have to outweigh them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hopper.events import operations as log
from instances.models import Instance
from routing.learning.pool import EXPERTS, weights_of
from routing.models import AttentionWeight, EpisodeJudgement, LearnedState
from routing.operations.gates import way_up
from routing.operations.remembering import GLOBAL, STATE

LATEST = 300  # feedbacks that the weights are chosen by (routing.md 4)
FEWEST = 50  # below it the weights stay those of the fit
KEPT_HISTORY = 50
LOOKED_AT = 5_000  # of the latest feedbacks on tasks that were filed at instances
FILED = F("episode__decision_factors__input__instance")
SAID = "episode__decision_factors__experts"

Weights = dict[str, float]
Rows = Mapping[str, AttentionWeight]
Records = Sequence[tuple[dict[str, Any], str]]


def weigh_attention_if_due() -> bool:
    """Weigh anew once 50 tasks have been judged since the last time; tell whether that was so."""
    last = AttentionWeight.objects.filter(scope=GLOBAL).order_by("-weighed_at").first()
    judged = EpisodeJudgement.objects.confirmed()
    if last and judged.changed_after(last.weighed_at).count() < FEWEST:
        return False
    weigh_attention(by="feedback")
    return True


@transaction.atomic
def weigh_attention(*, by: str) -> Weights:
    """Choose the weights by the log-loss of the latest feedback; with too little of it those of the fit count.

    Those of an instance are chosen by the feedback on what was filed there or below; with too little of it those of
    the nearest instance above count, at last the house's. The answer is the house's.
    """
    before = _rows()
    records = _records(before[GLOBAL])
    weights = {GLOBAL: _chosen(records, fitted_weights())}
    _store(before[GLOBAL], weights[GLOBAL], f"{by}, {len(records)} judged tasks", GLOBAL)
    seats = dict(Instance.objects.order_by().values_list("pk", "parent_id"))
    judged = _filed_at_instances(seats)
    wanted = {seat for seat in seats if len(judged[seat]) >= FEWEST or seat in before}
    for seat in sorted(wanted, key=lambda seat: (len(list(way_up(seat, seats))), seat)):
        above = next((weights[place] for place in way_up(seat, seats) if place in weights), weights[GLOBAL])
        records = _records(before[seat], judged[seat])
        weights[seat] = _chosen(records, above)
        _store(before[seat], weights[seat], f"{by}, {len(records)} judged tasks", seat)
    AttentionWeight.objects.filter(scope__in=before.keys() - weights.keys()).delete()  # of instances that are gone
    return weights[GLOBAL]


@transaction.atomic
def reset_attention(*, actor: str) -> Weights:
    """Go back to the weights of the fit everywhere; feedback until now is no reason to leave them any more."""
    weights = fitted_weights()
    for scope, before in _rows().items():
        for row in before.values():
            row.reset_at = timezone.now()
            log.record_event("attention.reset", row, actor=actor, weight=row.weight)
        _store(before, weights, f"reset by {actor}", scope)
    return weights


def _rows() -> defaultdict[str, dict[str, AttentionWeight]]:
    """Return the locked weights by scope and expert."""
    found: defaultdict[str, dict[str, AttentionWeight]] = defaultdict(dict)
    for row in AttentionWeight.objects.select_for_update():
        found[row.scope][row.factor] = row
    return found


def _chosen(records: Records, start: Weights) -> Weights:
    if len(records) < FEWEST:
        return dict(start)
    from routing.learning.attention import weights_lately  # SciPy: only where it is needed

    chosen = weights_lately(records, start=weights_of(start))
    return dict(zip(EXPERTS, chosen.tolist(), strict=True))


def fitted_weights() -> dict[str, float]:
    """Return the weights that the newest fit chose by the examples that it held out."""
    metrics = LearnedState.objects.filter(kind=STATE).order_by("-number").values_list("metrics", flat=True).first()
    return dict(metrics["weights"]) if metrics else {}


def _filed_at_instances(seats: Mapping[str, str | None]) -> defaultdict[str, list[str]]:
    """Return the latest judged episodes of tasks that were filed at each instance or below, newest first."""
    rows = EpisodeJudgement.objects.confirmed().annotate(filed=FILED).filter(filed__isnull=False)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for episode, filed in rows.order_by("-updated_at", "-pk").values_list("pk", "filed")[:LOOKED_AT]:
        for seat in way_up(filed, seats):
            found[seat].append(episode)
    return found


def _records(before: Rows, among: Sequence[str] | None = None) -> Records:
    """Return what the experts said of the latest judged tasks, and the true place, newest first."""
    rows = EpisodeJudgement.objects.confirmed()
    rows = rows if among is None else rows.filter(pk__in=among[:LATEST])
    resets = [row.reset_at for row in before.values() if row.reset_at]
    if resets:
        rows = rows.filter(updated_at__gt=max(resets))
    told = rows.order_by("-updated_at", "-pk").values_list(SAID, "right_project")
    return [(said, right) for said, right in told[:LATEST] if said and right]


def _store(before: Rows, weights: Weights, why: str, scope: str) -> None:
    """Store the weights with the values before them."""
    now, rows = timezone.now(), []
    at = now.isoformat(timespec="seconds")
    for factor, weight in weights.items():
        row = before.get(factor) or AttentionWeight(scope=scope, factor=factor)
        row.weight, row.weighed_at = round(weight, 4), now
        row.history = [{"weight": row.weight, "at": at, "by": why}, *row.history][:KEPT_HISTORY]
        rows.append(row)
    AttentionWeight.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["scope", "factor"],
        update_fields=["weight", "history", "reset_at", "weighed_at"],
    )  # fmt: skip
