"""Backtests: stored episodes decided anew by a version and by the one in force; nothing is written but the report."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from hopper.common.errors import BROKEN_ROW, Invalid
from routing.models import Backtest, Episode, PolicyVersion
from routing.operations.loading import view_of
from routing.policy.replay import as_seen, replay
from routing.policy.tally import Known, Tally
from routing.policy.types import Choice
from routing.policy.view import PolicyView

NEWEST = 1_000
BATCH = 200


def backtest_version(
    *, version: PolicyVersion, actor: str, newest: int = NEWEST, since: datetime | None = None
) -> Backtest:
    """Replay the newest episodes of its place under the version and under the one in force there; keep the report.

    The report has no event: it changes nothing, and a backtest writes one row.

    :raises Invalid: if the stored rules of the version cannot be read
    """
    place = version.instance_id
    baseline = PolicyVersion.objects.in_force().at(place).first()
    report = compare_policies(view=readable(version), baseline=baseline, newest=newest, since=since, place=place)
    return Backtest.objects.create(
        policy_version=version, baseline=baseline, content_hash=content_hash(version), report=report,
        created_by=actor[:100],
    )  # fmt: skip


def compare_policies(
    *, view: PolicyView, baseline: PolicyVersion | None, newest: int = NEWEST, since: datetime | None = None,
    place: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return how a policy would have decided stored episodes, beside the baseline: the same rows, the same report.

    The episodes are those that the policies of the place have decided: of an instance, or (None) of the house.

    `textless` counts those whose text was changed since or is gone: for them the rules that matched then count.
    """
    before = readable(baseline) if baseline else PolicyView()
    tally, textless, skipped = Tally(), 0, 0
    for episode in _newest(newest, since, place):
        again = _decide_again(episode, before, view)
        if again is None:
            skipped += 1
            continue
        was, now, knows_text = again
        textless += not knows_text
        tally.add(place_of(was), place_of(now), _known(episode), example=_example(episode, was, now))
    asked = {"newest": newest, "since": since.isoformat() if since else None}
    return {**asked, "skipped": skipped, "textless": textless, **tally.as_dict()}


def why_untested(*, version: PolicyVersion, baseline: PolicyVersion) -> str | None:
    """Return why no report says what the version would change in the baseline, or None if one does."""
    reports = version.backtests.newest_first()
    if reports.filter(content_hash=content_hash(version), baseline=baseline).exists():
        return None
    address = f"POST /policies/{version.policy_id}/versions/{version.number}/backtest"
    last = reports.first()
    if last is None:
        return f"It has not been backtested: {address}, read the report, then activate it."
    if last.content_hash != content_hash(version):
        return f"It was changed after its backtest: {address} again."
    return f"Its backtest compares it with another version than the one in force now: {address} again."


def content_hash(version: PolicyVersion) -> str:
    """Return what tells the content of this version from every other."""
    return hashlib.sha256(json.dumps(version.content, sort_keys=True).encode()).hexdigest()


def readable(version: PolicyVersion) -> PolicyView:
    """Return the version, compiled.

    :raises Invalid: if what is stored cannot be read
    """
    try:
        return view_of(version)
    except ValidationError as error:
        raise Invalid({"rules": error.messages}) from error


def place_of(choice: Choice) -> str | None:
    """Return the project that was chosen; None if it was left to a person."""
    return choice.best.project if choice.is_routed and choice.best else None


def _newest(newest: int, since: datetime | None, place: str | None) -> Iterator[Episode]:
    """Yield what the router decided at the place, newest first, a batch in memory at a time."""
    rows = Episode.objects.decided_by_router().decided_at(place).with_lesson()
    rows = rows.filter(routed_at__gte=since) if since else rows
    last: Episode | None = None
    while newest > 0:
        batch = list((rows.before(last) if last else rows).order_by("-routed_at", "-pk")[: min(newest, BATCH)])
        yield from batch
        newest -= len(batch) or newest
        last = batch[-1] if batch else None


def _decide_again(episode: Episode, before: PolicyView, view: PolicyView) -> tuple[Choice, Choice, bool] | None:
    """Return both choices, and whether the text is still known; None if the record cannot be decided again."""
    record = episode.decision_factors
    try:
        task = as_seen(record, episode.task.description) if episode.task else None
        was, now = replay(record, before, task), replay(record, view, task)
    except BROKEN_ROW:  # of another age or by another hand: one such row does not stop a report
        return None
    return (was, now, task is not None) if was and now else None


def _known(episode: Episode) -> Known:
    judgement = getattr(episode, "judgement", None)
    return Known(episode.chosen_project, episode.outcome_success, judgement.right_project if judgement else None)


def _example(episode: Episode, was: Choice, now: Choice) -> dict[str, Any]:
    """Return what names the episode; the task's words are left where its privacy is kept."""
    return {
        "episode_id": episode.pk, "task_id": episode.task_id, "routed_at": episode.routed_at.isoformat(),
        "confidence": [round(was.confidence, 4), round(now.confidence, 4)],
    }  # fmt: skip
