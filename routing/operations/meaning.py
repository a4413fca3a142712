"""Vectors of tasks, patterns and episodes: built from deliveries, never in a request, never of an older text."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, Q

from hopper.common.db.vectors import DIMENSIONS
from hopper.events import operations as events
from hopper.events.models import Delivery
from routing.embedding import Embedder, EmbeddingFailed, Vectors, get_embedder, pad
from routing.models import Episode, EpisodeEmbedding, Pattern, PatternEmbedding, TaskEmbedding
from routing.models.embedding import Embedding
from routing.operations.duplicates import suggest_duplicates
from routing.operations.texts import hash_of, text_of_pattern, text_of_task
from routing.operations.usage import record_usage
from tasks.models import Task

CONSUMER = "embedding"
BATCHES_READ = 50
log = logging.getLogger(__name__)


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


@dataclass
class Tally:
    """What a run of embedding came to, in rows; tokens and dollars are those of a paid service.

    `refused` rows are those that the provider answered wrong; `dollars` is None for a model without a known price.
    """

    looked_at: int = 0
    embedded: int = 0
    unchanged: int = 0
    refused: int = 0
    tokens: int = 0
    dollars: float | None = 0.0


def embed_waiting(*, limit: int = 1000, tally: Tally | None = None) -> int:
    """Embed what has changed; return how many deliveries were taken in."""
    tally = Tally() if tally is None else tally
    lease = timedelta(seconds=2 * settings.EMBEDDINGS_TIMEOUT + 10)  # a call, its one retry, and the rows
    return events.drain(
        CONSUMER, lambda taken: _take_in(taken, tally), batch=settings.EMBEDDINGS_BATCH_SIZE, limit=limit, lease=lease
    )


def embed_all(*, only_stale: bool = True, since: datetime | None = None, tally: Tally | None = None) -> int:
    """Embed every row whose vector is missing or by another model, or every row; return how many got a vector.

    Old vectors serve until the new ones are there. A stale row whose delivery is open or given up is left to that.
    With `since`, a missing vector is looked for among the rows made after it.

    :raises EmbeddingFailed: if the provider is away; what was done stays
    """
    tally = Tally() if tally is None else tally
    embedder, before = get_embedder(), tally.embedded
    for label, subject in SUBJECTS.items():
        rows = subject.rows._default_manager.all()
        for chosen in _stale(label, subject, embedder.model, since) if only_stale else [rows]:
            for keys in _pages(chosen):
                _embed_or_leave(subject, keys, embedder, tally)
    return tally.embedded - before


def _stale(label: str, subject: Subject, model: str, since: datetime | None) -> list[Any]:
    """Vectors by other models, and rows that have none; with `since` both are found by an index, however many are well.

    `<` and `>` instead of `<>`: they let an index skip the model that nearly all are by. As subqueries the conditions
    come first: SQLite would walk all rows in the order of their keys.
    """
    vectors: Any = subject.vectors._default_manager
    rows: Any = subject.rows._default_manager
    other = vectors.filter(pk__in=vectors.filter(Q(model__lt=model) | Q(model__gt=model)).values("pk"))
    recent = rows.filter(pk__in=rows.filter(created_at__gte=since).values("pk")) if since else rows
    missing = recent.filter(~Exists(vectors.filter(pk=OuterRef("pk"))))
    undone = Delivery.objects.undone().filter(consumer=CONSUMER, aggregate_type=label, aggregate_id=OuterRef("pk"))
    return [found.filter(~Exists(undone)) for found in (other, missing)]


def _pages(rows: Any) -> Iterator[list[str]]:
    """Yield the keys of the rows, a batch at a time; a question brings the keys of many batches, but never all."""
    size = settings.EMBEDDINGS_BATCH_SIZE
    waiting = rows.order_by("pk").values_list("pk", flat=True)
    keys = list(waiting[: size * BATCHES_READ])
    while keys:
        yield from (keys[start : start + size] for start in range(0, len(keys), size))
        keys = list(waiting.filter(pk__gt=keys[-1])[: size * BATCHES_READ])


def _take_in(deliveries: Sequence[Delivery], tally: Tally) -> None:
    """Embed the rows that the deliveries speak of, as they now stand.

    :raises DeliveryFailed: if the provider refused or is away
    """
    try:
        for label, subject in SUBJECTS.items():
            mine = [delivery for delivery in deliveries if delivery.aggregate_type == label]
            fresh = _embed(subject, [delivery.aggregate_id for delivery in mine], get_embedder(), tally) if mine else []
            if subject.rows is Task:
                unsure = [delivery.aggregate_id for delivery in mine if delivery.is_repeated]
                suggest_duplicates(keys={*fresh, *unsure}, embedder=get_embedder())
    except EmbeddingFailed as error:
        tally.refused += len(deliveries) == 1 and not error.is_outage
        raise events.DeliveryFailed(error.message, is_outage=error.is_outage, retry_after=error.retry_after) from error


def _embed_or_leave(subject: Subject, keys: Sequence[str], embedder: Embedder, tally: Tally) -> None:
    """Embed the rows; of a batch that is refused each goes alone, and one that is refused alone is left as it is.

    :raises EmbeddingFailed: if the provider is away
    """
    try:
        _embed(subject, keys, embedder, tally)
    except EmbeddingFailed as error:
        if error.is_outage:
            raise
        if len(keys) == 1:
            tally.refused += 1
            log.warning("%s %s: %s", subject.rows._meta.label, keys[0], error.message)
            return
        for key in keys:
            _embed_or_leave(subject, [key], embedder, tally)


def _embed(subject: Subject, keys: Sequence[str], embedder: Embedder, tally: Tally) -> list[str]:
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
        vectors = _ask(embedder, list(fresh.values()), tally)
        stored = _store(subject, fresh, dict(zip(fresh, vectors, strict=True)), embedder.model)
    if subject.rows is Task:
        _copy_to_episodes(texts)
    tally.looked_at += len(texts)
    tally.embedded += len(stored)
    tally.unchanged += len(texts) - len(fresh)
    return stored


def _ask(embedder: Embedder, texts: list[str], tally: Tally) -> Vectors:
    """Return the vectors as wide as the column, and put down what they cost, even if they are of no use."""
    try:
        return pad(embedder.embed(texts), DIMENSIONS)
    finally:
        usage = record_usage(embedder=embedder)
        tally.tokens += usage.tokens
        tally.dollars = None if tally.dollars is None or usage.dollars is None else tally.dollars + usage.dollars


@transaction.atomic
def _store(subject: Subject, texts: dict[str, str], vectors: dict[str, Any], model: str) -> list[str]:
    """Store the vectors of texts that are still the rows' own, whose keys return: for others a newer delivery waits."""
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
