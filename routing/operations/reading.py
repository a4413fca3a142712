"""What texts mean to the learned factor: vectors of an encoder in this process, remembered for a while."""

from functools import lru_cache

import numpy as np

from routing.embedding import EmbeddingFailed, get_local_encoder
from routing.learning.features import Reals
from routing.models.embedding import Embedding
from routing.operations.texts import hash_of, text_of_task
from routing.policy.types import TaskView
from tasks.models import Task

REMEMBERED = 4096
LONGEST_READ = 8000  # characters; encoders read far fewer


def current_encoder() -> str:
    """Return the name of the model whose vectors decisions go by, or nothing where they go by words alone."""
    encoder = get_local_encoder()
    return encoder.model if encoder else ""


def meaning_of(task: Task | TaskView, *, encoder: str, kept: Embedding | None = None) -> Reals | None:
    """Return the task's unit vector by that encoder; `kept` is the stored one, which is not made anew.

    None if it is not the encoder of this process, or the text has no words.
    """
    local = get_local_encoder() if encoder else None
    if local is None or local.model != encoder:
        return None
    text, dimension = text_of_task(task), local.dimension
    if kept is not None and kept.model == encoder and kept.content_hash == hash_of(text) and kept.embedding:
        return np.array(kept.embedding[:dimension], np.float32)
    try:
        return _encoded(encoder, text[:LONGEST_READ])
    except EmbeddingFailed:
        return None


@lru_cache(maxsize=REMEMBERED)
def _encoded(encoder: str, text: str) -> Reals | None:
    local = get_local_encoder()
    if local is None or local.model != encoder:
        return None
    (vector,) = local.embed([text])
    return vector if vector.any() else None
