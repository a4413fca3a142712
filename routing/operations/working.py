"""Working memory: where tasks that belong together went in the last hour; the cache is quick, rows are the truth."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import BaseCache, caches
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from hopper.common import absence
from routing.models import Decision
from routing.operations.dossier import Dossier
from tasks.models import Task

KEPT = timedelta(hours=1)
AWAY = (RedisError, OSError)
RECENT = "recent"
MOST_RECENT = 20
log = logging.getLogger(__name__)


def with_recent(dossier: Dossier, *, task: Task, now: datetime) -> Dossier:
    """Add where what belongs to the task went lately; nothing is asked for a task that belongs to nothing."""
    ties = {"conversation": task.conversation_id, "parent": task.parent_id, "owner": task.owner}
    recent = recent_places(now=now, **ties)
    return replace(dossier, recent=recent) if recent else dossier


def recent_places(
    *, conversation: str | None = None, parent: str | None = None, owner: str | None = None,
    now: datetime | None = None,
) -> dict[str, str]:  # fmt: skip
    """Return the project by tie: where conversation and owner were last sent within the hour, and the parent is.

    What the cache has lost is read from the decisions.
    """
    asked = {"conversation": conversation, "parent": parent, "owner": owner}
    keys = {tie: _key(tie, name) for tie, name in asked.items() if name}
    if not keys:
        return {}
    kept = _get(keys.values())
    found = {tie: kept[key] for tie, key in keys.items() if key in kept}
    lost = {tie: _from_rows(tie, asked[tie], now or timezone.now()) for tie in keys.keys() - found.keys()}
    _set({keys[tie]: project for tie, project in lost.items() if project})
    found |= {tie: project for tie, project in lost.items() if project}
    return {tie: found[tie] for tie in asked if tie in found}


def recent_decisions() -> list[dict[str, Any]]:
    """Return the last decisions that this process, or with Redis any, has made within the hour, newest first."""
    return list(_get([RECENT]).get(RECENT, []))


def remember(*, task: Task, project: str | None, at: datetime) -> None:
    """Keep where the task went, once that is committed."""
    if project:
        transaction.on_commit(lambda: _keep(task, project, at), robust=True)


def _keep(task: Task, project: str, at: datetime) -> None:
    ties = {"conversation": task.conversation_id, "parent": task.pk, "owner": task.owner}
    latest = [{"task": task.pk, "project": project, "at": at.isoformat()}, *recent_decisions()][:MOST_RECENT]
    _set({RECENT: latest} | {_key(tie, name): project for tie, name in ties.items() if name})


def _from_rows(tie: str, name: str | None, now: datetime) -> str | None:
    if tie == "parent":
        return Task.objects.filter(pk=name).values_list("project", flat=True).first()
    column = {"conversation": "task__conversation_id", "owner": "task__owner"}[tie]
    lately = Decision.objects.filter(project__isnull=False, decided_at__gte=now - KEPT, **{column: name})
    return lately.recent().values_list("project", flat=True).first()


def _key(tie: str, name: str | None) -> str:
    return f"{tie}:{hashlib.sha256((name or '').encode('utf-8', 'replace')).hexdigest()}"


def _get(keys: Iterable[str]) -> dict[str, Any]:
    return dict(_ask(lambda cache: cache.get_many(list(keys))) or {})


def _set(values: Mapping[str, Any]) -> None:
    _ask(lambda cache: cache.set_many(dict(values), KEPT.total_seconds()))


def _ask(question: Callable[[BaseCache], Any]) -> Any:
    """Return the answer of the cache, or None; one that is away costs its first caller half a second, none after."""
    if absence.redis.lasts:
        return None
    try:
        return question(caches["working"])
    except AWAY as error:
        absence.redis.begin()
        log.warning("The working memory is away, the rows answer: %s", error)
        return None
