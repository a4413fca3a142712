"""Vectors of tasks, patterns and episodes: built from deliveries, never in a request, never of an older text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Model

from hopper.common.db.vectors import DIMENSIONS
from hopper.events import operations as log
from hopper.events.models import Delivery
from routing.embedding import Embedder, EmbeddingFailed, get_embedder, pad
from routing.models import Episode, EpisodeEmbedding, Pattern, PatternEmbedding, TaskEmbedding
from routing.models.embedding import Embedding
from routing.operations.duplicates import suggest_duplicates
from routing.operations.texts import hash_of, text_of_pattern, text_of_task
from tasks.models import Task

CONSUMER = "embedding"


@dataclass(frozen=True)
class Subject:
    """A kind of row that has a meaning: where its vector stands, and its text."""

    rows: type[Model]
    vectors: Any  # a model of routing.models.embedding
    text: Callable[[Any], str]


SUBJECTS = {
    "tasks.task": Subject(Task, TaskEmbedding, text_of_task),
    "routing.pattern": Subject(Pattern, PatternEmbedding, text_of_pattern),
}


def embed_waiting(*, limit: int = 1000) -> int:
    """Embed what has changed; return how many deliveries were taken in."""
    return log.drain(CONSUMER, _take_in, batch=settings.EMBEDDINGS_BATCH_SIZE, limit=limit)


def embed_all(*, only_stale: bool = True, tick: Callable[[int], None] = lambda count: None) -> int:
    """Embed every row whose vector is missing or by another model, or every row; return how many.

    Old vectors serve until the new ones are there.

    :raises EmbeddingFailed: if the provider is away; what was done stays
    """
    embedder, done = get_embedder(), 0
    for subject in SUBJECTS.values():
        rows: Any = subject.rows._default_manager.order_by("pk")
        known = rows.filter(meaning__model=embedder.model) if only_stale else rows.none()
        keys = list(rows.exclude(pk__in=known.values("pk")).values_list("pk", flat=True))
        for start in range(0, len(keys), settings.EMBEDDINGS_BATCH_SIZE):
            batch = keys[start : start + settings.EMBEDDINGS_BATCH_SIZE]
            _embed(subject, batch, embedder)
            done += len(batch)
            tick(len(batch))
    return done


def _take_in(deliveries: Sequence[Delivery]) -> None:
    """Embed the rows that the deliveries speak of, as they now stand.

    :raises DeliveryFailed: if the provider refused or is away
    """
    try:
        for label, subject in SUBJECTS.items():
            keys = [delivery.aggregate_id for delivery in deliveries if delivery.aggregate_type == label]
            fresh = _embed(subject, keys, get_embedder()) if keys else []
            if fresh and subject.rows is Task:
                suggest_duplicates(keys=fresh, embedder=get_embedder())
    except EmbeddingFailed as error:
        raise log.DeliveryFailed(error.message, is_outage=error.is_outage, retry_after=error.retry_after) from error


def _embed(subject: Subject, keys: Sequence[str], embedder: Embedder) -> list[str]:
    """Embed the rows whose text has no vector by this model yet, and return their keys.

    The provider is asked outside of any transaction.
    """
    rows: Any = subject.rows._default_manager
    texts = {row.pk: subject.text(row) for row in rows.filter(pk__in=keys)}
    known = subject.vectors._default_manager.filter(pk__in=texts, model=embedder.model)
    hashes = dict(known.values_list("pk", "content_hash"))
    fresh = {key: text for key, text in texts.items() if hashes.get(key) != hash_of(text)}
    stored: list[str] = []
    if fresh:
        vectors = pad(embedder.embed(list(fresh.values())), DIMENSIONS)
        stored = _store(subject, fresh, dict(zip(fresh, vectors, strict=True)), embedder.model)
    if subject.rows is Task:
        _copy_to_episodes(texts)
    return stored


@transaction.atomic
def _store(subject: Subject, texts: dict[str, str], vectors: dict[str, Any], model: str) -> list[str]:
    """Store the vectors of texts that are still the rows' own; for the others a newer delivery waits."""
    rows: Any = subject.rows._default_manager
    locked = rows.select_for_update().filter(pk__in=texts).order_by("pk")
    current = [row.pk for row in locked if subject.text(row) == texts[row.pk]]
    _replace(subject.vectors, [
        subject.vectors(pk=key, model=model, content_hash=hash_of(texts[key]),
                        embedding=vectors[key].tolist() if vectors[key].any() else None)
        for key in current
    ])  # fmt: skip
    return current


def _copy_to_episodes(keys: Iterable[str]) -> None:
    """Give the episodes of the tasks the vectors of their tasks, which speak of the same text."""
    told: Any = Episode.objects.filter(task__in=keys, task__meaning__isnull=False)
    behind = told.exclude(
        meaning__content_hash=F("task__meaning__content_hash"), meaning__model=F("task__meaning__model")
    )
    _replace(EpisodeEmbedding, [
        EpisodeEmbedding(pk=episode.pk, model=episode.task.meaning.model, embedding=episode.task.meaning.embedding,
                         content_hash=episode.task.meaning.content_hash)
        for episode in behind.select_related("task__meaning")
        if episode.task
    ])  # fmt: skip


def _replace(vectors: Any, rows: Sequence[Embedding]) -> None:
    vectors._default_manager.bulk_create(
        rows, update_conflicts=True, unique_fields=["pk"],
        update_fields=["embedding", "model", "content_hash", "created_at"],
    )  # fmt: skip
