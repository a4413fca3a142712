"""Comparing how sure Hopper was with how often it was right, by scope; and the curves that follow from it."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max, Q

from routing.learning.calibration import Judged, Observation, fit_curve
from routing.learning.pool import calibration_error
from routing.models import Episode, EpisodeJudgement, LearnedState
from routing.operations.gates import CALIBRATION, HOUSE, Gates, read_gates
from routing.policy.calibration import SAME, Curve

log = logging.getLogger(__name__)

NEWEST = 5000  # judged decisions that count
FEWEST = 20  # judged decisions; fewer are no curve of their own
FEWEST_OF_ALL = 50
GROWTH = 0.1
KEPT_STATES = 3
PLACE = "episode__decision_factors__candidates__0__"
READ: dict[str, F] = {
    "right": F("right_project"), "chosen": F("episode__chosen_project"), "guess": F(f"{PLACE}project"),
    "instance": F(f"{PLACE}instance_id"), "share": F(f"{PLACE}score"),
    "priority": F("episode__decision_factors__input__priority"), "at": F("episode__routed_at"),
}  # fmt: skip


def observe(gates: Gates) -> list[Observation]:
    """Return the newest 5,000 decisions of Hopper that people have judged, abstentions by their first guess."""
    rows: Any = EpisodeJudgement.objects.of_own_thoughts().values(**READ)[:NEWEST]
    return [
        Observation(
            share=float(row["share"]), is_right=row["right"] is not None and row["right"] == row["guess"],
            was_routed=row["chosen"] is not None, path=tuple(gates.path(row["instance"])),
            priority=row["priority"] or "medium", at=row["at"],
        )
        for row in rows
        if row["share"] is not None
    ]  # fmt: skip


def stand_for(seen: Sequence[Observation]) -> dict[str, float]:
    """Return for how many tasks each of the observations stands: `routed` and `abstained`.

    Abstentions are nearly all judged, routed tasks seldom: counted alike, they would make any threshold look worse.
    """
    since = min((one.at for one in seen if one.at), default=None)
    own = Episode.objects.exclude(strategy__in=["human", "explicit"]).order_by()
    made = (own.filter(routed_at__gte=since) if since else own.none()).aggregate(
        routed=Count("task", distinct=True, filter=Q(chosen_project__isnull=False)),
        abstained=Count("task", distinct=True, filter=Q(chosen_project=None)),
    )
    routed = sum(one.was_routed for one in seen)
    judged = {"routed": routed, "abstained": len(seen) - routed}
    return {name: max(made[name] / count, 1.0) if count else 1.0 for name, count in judged.items()}


def calibrate_if_due() -> int | None:
    """Fit the curves anew once a tenth more decisions are judged than the last fit knew, or 50 at first."""
    judged = EpisodeJudgement.objects.given()
    last = LearnedState.objects.in_force(CALIBRATION).filter(scope=HOUSE).values_list("metrics", flat=True).first()
    if last is None:
        return fit_curves() if judged.count() >= FEWEST_OF_ALL else None
    since = datetime.fromisoformat(last["judged_until"])
    enough = max(FEWEST, last["judged"] * GROWTH)
    return fit_curves() if judged.changed_after(since).count() >= enough else None


def fit_curves() -> int | None:
    """Fit a curve for every scope with enough judged decisions; None when there are too few, or another was quicker.

    A scope holds near the curve of the one above it while it has few of its own.
    """
    until = EpisodeJudgement.objects.aggregate(until=Max("updated_at"))["until"]
    number = (LearnedState.objects.filter(kind=CALIBRATION).aggregate(last=Max("number"))["last"] or 0) + 1
    gates = read_gates()
    states = [
        LearnedState(scope=scope, kind=CALIBRATION, number=number, arrays=b"", metrics=metrics)
        for scope, metrics in _curves(observe(gates), gates).items()
    ]
    if not states:
        return None
    for state in states:
        state.metrics["judged_until"] = until.isoformat()
    return _keep(states, number)


def _curves(seen: Sequence[Observation], gates: Gates) -> dict[str, dict[str, Any]]:
    """Return the curve of each scope with how it fits, from the whole house down to the leaves."""
    below: dict[str, list[Observation]] = defaultdict(list)
    for one in seen:
        for scope in (HOUSE, *one.path):
            below[scope].append(one)
    curves: dict[str, Curve] = {}
    found = {}
    for scope in sorted(below, key=lambda scope: (scope != HOUSE, len(list(gates.path(scope))), scope)):
        if len(below[scope]) < (FEWEST_OF_ALL if scope == HOUSE else FEWEST):
            continue
        above = [*list(gates.path(scope))[1:], HOUSE]
        prior = next((curves[seat] for seat in above if seat in curves), SAME)
        judged = Judged.of(below[scope])
        curves[scope] = fit_curve(judged, prior)
        found[scope] = _described(judged, prior, curves[scope])
    return found


def _described(judged: Judged, prior: Curve, curve: Curve) -> dict[str, Any]:
    errors = {
        name: round(calibration_error(said.shares, said.right), 4)
        for name, said in (("ece_raw", judged), ("ece_parent", judged.through(prior)), ("ece", judged.through(curve)))
    }
    return {"slope": curve.slope, "intercept": curve.intercept, "judged": len(judged.shares), **errors}


def _keep(states: list[LearnedState], number: int) -> int | None:
    try:
        with transaction.atomic():
            LearnedState.objects.bulk_create(states)
    except IntegrityError:
        log.info("Another process has fitted the curves %s already; these are dropped.", number)
        return None
    LearnedState.objects.filter(kind=CALIBRATION, number__lte=number - KEPT_STATES).delete()
    return number
