"""What `doctor` says of vectors: whether the provider can build them, and how many rows wait for theirs.

Hopper works without them, so nothing here is more than a warning; bad settings are the system checks' business.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx2
from django.conf import settings
from django.db import Error as DatabaseError

from hopper.common.errors import HopperError
from hopper.events.operations import Traffic, traffic
from hopper.management.base import GIVEN_UP
from hopper.management.diagnosis.finding import PATIENCE, Finding
from routing.models import Episode, EpisodeEmbedding, Pattern, PatternEmbedding, TaskEmbedding
from routing.operations import get_embedder
from tasks.models import Task

VECTORS: dict[str, tuple[Any, Any]] = {
    "tasks": (Task.objects, TaskEmbedding.objects),
    "patterns": (Pattern.objects, PatternEmbedding.objects),
    "episodes": (Episode.objects.filter(task__isnull=False), EpisodeEmbedding.objects),
}


def examine_meaning() -> Iterator[Finding]:
    """Look at the provider, at the vectors and at the deliveries; a missing table is a matter for the migrations."""
    embedder = None
    try:
        embedder = get_embedder()
        yield _provider(embedder)
    except HopperError as error:
        yield Finding("embedding provider", "warning", error.message, "python manage.py check")
    try:
        if embedder:
            yield from _vectors(embedder.model)
        found = traffic()
        yield _deliveries(found)
        yield from _outages(found)
    except DatabaseError:
        return


def _provider(embedder: Any) -> Finding:
    detail = f"{embedder.name}: {embedder.model}, vectors of {embedder.dimension}"
    if embedder.name != "openai":
        return Finding("embedding provider", "ok", detail)
    if settings.OPENAI_BASE_URL:
        return _own_server(detail)
    state = "ok" if settings.OPENAI_API_KEY else "warning"
    told = "its key is set, and not tried: that costs money" if settings.OPENAI_API_KEY else "OPENAI_API_KEY is not set"
    return Finding(
        "embedding provider", state, f"{detail}; {told}", "Set OPENAI_API_KEY, or EMBEDDINGS_PROVIDER=hashing."
    )


def _own_server(detail: str) -> Finding:
    """Ask a server that speaks OpenAI's protocol for its models, which is free; any answer will do."""
    url = f"{settings.OPENAI_BASE_URL.rstrip('/')}/models"
    try:
        httpx2.get(url, timeout=PATIENCE, headers={"Authorization": f"Bearer {settings.OPENAI_API_KEY}"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        fix = "Start that server, or correct OPENAI_BASE_URL."
        return Finding("embedding provider", "warning", f"{detail}; {url} does not answer: {error}", fix)
    return Finding("embedding provider", "ok", f"{detail}; {settings.OPENAI_BASE_URL} answers")


def _vectors(model: str) -> Iterator[Finding]:
    """Count the vectors by the configured model; a row without words has one that is empty."""
    for name, (rows, vectors) in VECTORS.items():
        built, total = vectors.filter(model=model).count(), rows.count()
        fix = "Start the relay or a worker, or type: python manage.py embed --stale"
        yield Finding(f"vectors of {name}", "ok" if built >= total else "warning", f"{built:,} of {total:,}", fix)


def _deliveries(found: Sequence[Traffic]) -> Finding:
    waiting, dead = sum(one.waiting for one in found), sum(one.dead for one in found)
    detail = f"{waiting:,} wait, {dead:,} were given up"
    return Finding("deliveries", "warning" if dead else "ok", detail, f"Open {GIVEN_UP} and try them again.")


def _outages(found: Sequence[Traffic]) -> Iterator[Finding]:
    for one in found:
        if one.away_since:
            detail = f"away since {one.away_since:%Y-%m-%d %H:%M} UTC: {one.last_error}"
            yield Finding(
                f"consumer {one.consumer}", "warning", detail, "Bring it back; its news waits and flows then."
            )
