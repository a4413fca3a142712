"""Consolidation: what the judged episodes of every day add up to, as rows and as a repository of files."""

import logging
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hopper.common.db.graph import graph_lock
from hopper.common.errors import HopperError
from hopper.events.operations import HOPPER
from projects.models import Project
from routing.learning.mining import mine
from routing.learning.record import Record
from routing.models import ConsolidationRun, Episode, Pattern
from routing.operations import loading
from routing.operations.memory_files import LOG, memory_files, with_entry
from routing.operations.mining import Changes, known_criteria, private_projects, read_judged, store_findings
from routing.operations.patterns import read_patterns
from routing.operations.repository import Repository, RepositoryFailed
from routing.operations.skills import keep_skills

log = logging.getLogger(__name__)

LONGEST = timedelta(minutes=15)  # a run that is not over by then was killed
MOST_LISTED = 50
MOST_USES = 100_000
State = ConsolidationRun.State


class AlreadyConsolidating(HopperError):
    """Another run is at it."""

    code = "already_consolidating"


@transaction.atomic
def request_consolidation(*, actor: str) -> ConsolidationRun:
    """Ask for a run soon; asking again before it begins asks for the same one."""
    graph_lock("consolidation")
    return ConsolidationRun.objects.wanted().first() or ConsolidationRun.objects.create(asked_by=actor)


def consolidate_wanted() -> ConsolidationRun | None:
    """Do the run that somebody has asked for, if there is one."""
    return consolidate() if ConsolidationRun.objects.wanted().exists() else None


def consolidate(*, actor: str = HOPPER, now: datetime | None = None) -> ConsolidationRun:
    """Mine the judged episodes, keep what was found as rows, and commit the files.

    What was found is stored in one transaction, so a run that is killed leaves all as it was, or its rows and no
    commit; the next run mends both. A repository that cannot be written or pushed is told in the log.

    :raises AlreadyConsolidating: if another run is at it
    """
    run = _begin(actor, now or timezone.now())
    try:
        record = Record()
        known = known_criteria()
        findings = mine(record.watch(read_judged()), known)
        with transaction.atomic():
            changes = store_findings(findings, known)
            used = _count_uses(run)
            keep_skills(record)
        run.log, run.counts = _entry(run, changes, record), _counts(changes, record, used)
        run.commit = _publish(run, record, changes)
    except BaseException as error:
        _end(run, State.FAILED, f"It stopped: {type(error).__name__}.")
        raise
    return _end(run, State.DONE)


def _begin(actor: str, now: datetime) -> ConsolidationRun:
    with transaction.atomic():
        graph_lock("consolidation")
        for dead in ConsolidationRun.objects.running().filter(started_at__lt=now - LONGEST):
            _end(dead, State.FAILED, "It was killed; the next run mended what it left.")
        if ConsolidationRun.objects.running().exists():
            raise AlreadyConsolidating("A consolidation runs already: wait for it.")
        run = ConsolidationRun.objects.wanted().first() or ConsolidationRun(asked_by=actor)
        run.state, run.started_at = State.RUNNING, now
        run.save()
    return run


def _end(run: ConsolidationRun, state: str, why: str = "") -> ConsolidationRun:
    run.state, run.finished_at = state, timezone.now()
    run.log = "\n".join(filter(None, (run.log, why)))
    run.save()
    return run


def _count_uses(run: ConsolidationRun) -> int:
    """Add to each pattern how many tasks it matched since the last run: no request waits for that."""
    last = ConsolidationRun.objects.filter(state=State.DONE).order_by("-started_at").first()
    book, uses, latest = read_patterns(), Counter[str](), dict[str, datetime]()
    routed = Episode.objects.routed_between(last.started_at if last else None, run.started_at)
    for episode in routed.select_related("task").order_by("-routed_at", "-pk")[:MOST_USES].iterator(chunk_size=2000):
        if episode.task:
            for pattern in book.matching(loading.view_of_task(episode.task)):
                uses[pattern.id] += 1
                latest.setdefault(pattern.id, episode.routed_at)
    for key, count in sorted(uses.items()):  # not a change of the pattern: neither version nor event
        Pattern.objects.filter(pk=key).update(usage_count=F("usage_count") + count, last_used_at=latest[key])
    return len(uses)


def _publish(run: ConsolidationRun, record: Record, changes: Changes) -> str | None:
    """Commit the files if they differ from the last commit, and push; return the commit's id."""
    if not settings.MEMORY_REPOSITORY:
        return None
    private = private_projects()
    files = memory_files(
        patterns=Pattern.objects.active().public(private).prefetch_related("evidence").order_by("name", "pk"),
        projects=Project.objects.exclude(pk__in=private).order_by("name"),
        record=record, policy=loading.load_knowledge().policy,
    )  # fmt: skip
    commit = None
    repository = Repository(Path(settings.MEMORY_REPOSITORY), settings.MEMORY_REMOTE)
    try:
        repository.prepare()
        if repository.differs(files):
            told = {**files, LOG: with_entry(repository.read(LOG), run.log)}
            commit = repository.commit(told, f"Consolidate {record.episodes} judged episodes (run {run.pk})")
        if settings.MEMORY_REMOTE:
            repository.push()
    except (RepositoryFailed, OSError) as error:
        log.warning("The repository of run %s: %s", run.pk, error)
        run.log += f"\n- not in the repository, or not pushed, which the next run tries again: {error}"
    return commit


def _counts(changes: Changes, record: Record, used: int) -> dict[str, int]:
    active = Pattern.objects.active()
    return {
        "episodes": record.episodes, "patterns": active.filter(is_anti_pattern=False).count(),
        "anti_patterns": active.filter(is_anti_pattern=True).count(), "found": len(changes.found),
        "switched_on": len(changes.on), "switched_off": len(changes.off), "used": used,
    }  # fmt: skip


def _entry(run: ConsolidationRun, changes: Changes, record: Record) -> str:
    """Return what the run found, in Markdown."""
    started: Any = run.started_at
    told = [f"## {started:%Y-%m-%d %H:%M} UTC, run {run.pk}", "", f"- {record.episodes} judged episodes looked at"]
    for what, patterns in (("new", changes.found), ("on again", changes.on), ("off", changes.off)):
        told += [f"- {what}: {pattern.name} ({pattern.confidence:.0%})" for pattern in patterns[:MOST_LISTED]]
        if len(patterns) > MOST_LISTED:
            told.append(f"- {what}: {len(patterns) - MOST_LISTED} more")
    return "\n".join(told)
