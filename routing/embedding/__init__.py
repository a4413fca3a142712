"""The port to what turns texts into vectors, and the one place that knows which adapter is configured."""

import os
import threading
from functools import lru_cache

from django.utils.module_loading import import_string

from routing.embedding.base import Configuration, Embedder, EmbeddingFailed, Metered, Usage, Vectors, pad

__all__ = ["PROVIDERS", "Embedder", "EmbeddingFailed", "Metered", "Usage", "Vectors", "get_embedder", "pad"]

PROVIDERS = {
    "hashing": "routing.embedding.hashing.HashingEmbedder",
    "openai": "routing.embedding.openai.OpenAIEmbedder",
    "onnx": "routing.embedding.onnx.OnnxEmbedder",
    "sentence-transformers": "routing.embedding.sentence_transformers.SentenceTransformersEmbedder",
}

_one_at_a_time = threading.Lock()


def get_embedder() -> Embedder:
    """Return the configured embedder, made once per process and configuration.

    :raises EmbeddingFailed: if the provider is unknown, or its package or model is missing
    """
    with _one_at_a_time:
        return _make(os.getpid(), Configuration.from_settings())


@lru_cache(maxsize=8)
def _make(process: int, configuration: Configuration) -> Embedder:
    """Make the embedder; a forked process gets its own, as connections and sessions are not shared."""
    if configuration.provider not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise EmbeddingFailed(f"EMBEDDINGS_PROVIDER={configuration.provider}: known are {known}.", is_outage=True)
    made: Embedder = import_string(PROVIDERS[configuration.provider])(configuration)
    return made
