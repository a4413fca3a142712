"""The bill of the embedding services, kept in a row so that it outlives its process."""

import logging

from django.db.models import F
from django.utils import timezone

from routing.embedding import Embedder, Metered, Usage
from routing.models import EmbeddingUsage

log = logging.getLogger(__name__)


def record_usage(*, embedder: Embedder) -> Usage:
    """Add what the embedder was paid for since the last call to the row of its day and model; return it.

    Call it outside of any transaction: what was paid for stays paid, whatever becomes of the vectors.
    """
    usage = embedder.take_usage() if isinstance(embedder, Metered) else Usage()
    if usage.texts:
        log.info("%s: %d texts, %d tokens, %s dollars", embedder.model, usage.texts, usage.tokens, usage.dollars)
        zero = None if usage.dollars is None else 0.0
        row, _ = EmbeddingUsage.objects.get_or_create(
            day=timezone.now().date(), model=embedder.model, defaults={"dollars": zero}
        )
        EmbeddingUsage.objects.filter(pk=row.pk).update(
            texts=F("texts") + usage.texts, tokens=F("tokens") + usage.tokens,
            dollars=None if usage.dollars is None else F("dollars") + usage.dollars,
        )  # fmt: skip
    return usage
