"""The vector of a question: it is wanted in a request, so it is waited for briefly, remembered, and done without."""

import hashlib
from typing import NamedTuple

from django.core.cache import caches

from hopper.common.absence import absence_of
from hopper.common.db.vectors import DIMENSIONS
from routing.embedding import EmbeddingFailed, get_embedder, pad
from routing.operations.usage import record_usage

PATIENCE = 2.0  # seconds for a service across the network
KEPT = 3600


class Asked(NamedTuple):
    """A question as a vector; `alike` is the similarity below which rows are no answer."""

    model: str
    vector: list[float]
    alike: float


def embed_question(*, text: str) -> Asked | None:
    """Return the vector of the text, or None where it has no words.

    :raises EmbeddingFailed: if the provider is away, too slow, or refuses
    """
    embedder = get_embedder(patience=PATIENCE)
    known, absence = caches["questions"], absence_of(f"embedder {embedder.model}")
    if absence.lasts:
        raise EmbeddingFailed("The embedding service was away a moment ago.", is_outage=True)
    key = hashlib.sha256(f"{embedder.model}\n{text}".encode("utf-8", "replace")).hexdigest()
    vector = known.get(key)
    if vector is None:
        try:
            vector = pad(embedder.embed([text]), DIMENSIONS)[0]
        except EmbeddingFailed as error:
            if error.is_outage:
                absence.begin()
            raise
        finally:
            record_usage(embedder=embedder)
        known.set(key, vector, KEPT)
    return Asked(embedder.model, vector.tolist(), embedder.alike) if vector.any() else None
