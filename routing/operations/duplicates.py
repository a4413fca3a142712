"""Hints that an open task repeats an earlier one: given by the worker, answered by a person."""

from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hopper.common.db.rows import read_row
from hopper.common.errors import HopperError
from hopper.events import operations as log
from routing.embedding import Embedder
from routing.models import Duplicate, TaskEmbedding
from routing.operations.deciding import ROUTER
from routing.operations.texts import hash_of, text_of_task
from tasks.models import Task
from tasks.operations import cancel_task

EMBEDDED = "SELECT MIN(task_id) FROM task_embeddings WHERE content_hash = %s"


class NoDuplicate(HopperError):
    """Nothing is suggested here: it was answered already, or the task has changed."""

    code = "no_duplicate"


def suggest_duplicates(*, keys: Collection[str], embedder: Embedder) -> None:
    """Look, for each open task among them, for the one most like it that was there before.

    One question a task, after its vector is stored and outside of that transaction: if a worker is killed in
    between, the delivery that comes again asks it.
    """
    least = settings.DUPLICATE_SIMILARITY or embedder.same
    fresh = TaskEmbedding.objects.filter(task__in=keys, task__status__in=Task.OPEN, embedding__isnull=False)
    for own in fresh.select_related("task", "task__duplicate"):
        answered = _answered(own.task)
        if own.content_hash != answered:
            original, similarity = _most_like(own, least)
            if original or answered:  # else there is no hint to set, and none to take back
                _suggest(own.task, original, similarity, own.content_hash)


def suggest_twin(*, task: Task) -> None:
    """Suggest the earliest open task of the very same text, if it has been embedded; one quick question if none has."""
    content_hash = hash_of(text_of_task(task))
    if read_row(EMBEDDED, content_hash) == (None,):
        return
    fresh = Task.objects.filter(pk=task.pk).first()
    twins = Task.objects.earlier_beside(fresh).filter(meaning__content_hash=content_hash) if fresh else None
    twin = twins.order_by("created_at", "pk").first() if twins is not None else None
    if twin:
        _suggest(task, twin.pk, 1.0, content_hash)


@transaction.atomic
def settle_duplicate(*, task: Task, is_duplicate: bool, actor: str) -> Duplicate:
    """Answer the hint: a confirmed duplicate is cancelled if it still can be, a dismissed one stays as it is.

    :raises NoDuplicate: if nothing is suggested
    """
    task = log.lock_row(task)
    hint = Duplicate.objects.suggested().filter(task=task).first()
    if hint is None:
        raise NoDuplicate
    hint.status = Duplicate.Status.CONFIRMED if is_duplicate else Duplicate.Status.DISMISSED
    hint.version, hint.updated_at = hint.version + 1, timezone.now()
    hint.save(force_update=True)
    log.record_event(f"task.duplicate_{hint.status}", task, actor=actor, similarity=hint.similarity)
    if is_duplicate and Task.Status.CANCELLED in Task.MOVES[Task.Status(task.status)]:
        cancel_task(task=task, actor=actor, reason=f"duplicate of {hint.original_id}")
    return hint


def _most_like(own: TaskEmbedding, least: float) -> tuple[str | None, float]:
    """Return the earlier task that is most like it, and how like; no task below `least`, a cosine."""
    found = Task.objects.earlier_beside(own.task).nearest_keys(own.embedding, model=own.model, count=1)
    alike = [(key, 1.0 - distance) for key, distance in found if 1.0 - distance >= least]
    return alike[0] if alike else (None, 0.0)


def _answered(task: Task) -> str | None:
    """Return the text for which there is a hint already, answered or not."""
    hint = getattr(task, "duplicate", None)
    return hint.content_hash if hint else None


@transaction.atomic
def _suggest(task: Task, original: str | None, similarity: float, content_hash: str) -> None:
    """Put the hint in the place of the one for an older text; the event leaves out whose text is alike."""
    both = {key for key in (task.pk, original) if key}
    if set(Task.objects.select_for_update().filter(pk__in=both).order_by("pk").values_list("pk", flat=True)) != both:
        return  # one of them was deleted meanwhile
    Duplicate.objects.filter(task=task).exclude(content_hash=content_hash).delete()
    if original is None or Duplicate.objects.filter(task=task).exists():
        return
    hint = Duplicate(
        task=task, original_id=original, similarity=min(round(similarity, 4), 1.0), content_hash=content_hash
    )
    hint.save(force_insert=True)
    log.record_event("task.duplicate_suggested", task, actor=ROUTER, similarity=hint.similarity)
