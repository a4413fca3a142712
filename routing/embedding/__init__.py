"""The port to what turns texts into vectors, and the one place that knows which adapter is configured."""

import logging
import os
import threading
from dataclasses import replace
from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from routing.embedding.base import Configuration, Embedder, EmbeddingFailed, Metered, Usage, Vectors, pad

__all__ = [
    "PROVIDERS", "Embedder", "EmbeddingFailed", "Metered", "Usage", "Vectors", "get_embedder", "get_local_encoder",
    "pad",
]  # fmt: skip

PROVIDERS = {
    "hashing": "routing.embedding.hashing.HashingEmbedder",
    "openai": "routing.embedding.openai.OpenAIEmbedder",
    "onnx": "routing.embedding.onnx.OnnxEmbedder",
    "sentence-transformers": "routing.embedding.sentence_transformers.SentenceTransformersEmbedder",
}

REMOTE = {"openai"}
LOCAL = {"onnx", "sentence-transformers"}  # encoders in this process, quick enough to ask in every decision

log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()


def get_embedder(*, patience: float | None = None) -> Embedder:
    """Return the configured embedder, made once per process and configuration.

    `patience` is how many seconds a remote provider may take instead of the configured ones, in a single try.

    :raises EmbeddingFailed: if the provider is unknown, or its package or model is missing
    """
    wanted = Configuration.from_settings()
    if patience is not None and wanted.provider in REMOTE:
        wanted = replace(wanted, timeout=patience, retries=0)
    with _one_at_a_time:
        return _make(os.getpid(), wanted)


def get_local_encoder() -> Embedder | None:
    """Return the configured embedder if it is an encoder in this process that can run, else None."""
    if settings.EMBEDDINGS_PROVIDER not in LOCAL:
        return None
    try:
        return get_embedder()
    except EmbeddingFailed as error:
        log.warning("Decisions go by words alone: %s", error.message)
        return None


@lru_cache(maxsize=8)
def _make(process: int, configuration: Configuration) -> Embedder:
    """Make the embedder; a forked process gets its own, as connections and sessions are not shared."""
    if configuration.provider not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise EmbeddingFailed(f"EMBEDDINGS_PROVIDER={configuration.provider}: known are {known}.", is_outage=True)
    made: Embedder = import_string(PROVIDERS[configuration.provider])(configuration)
    return made
