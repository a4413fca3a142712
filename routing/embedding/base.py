"""What every embedder promises, and what they share."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from django.conf import settings
from numpy.typing import ArrayLike, NDArray

from hopper.common.errors import HopperError

LONGEST_NAME = 100
WORD = re.compile(r"\w")

Vectors = NDArray[np.float32]


class EmbeddingFailed(HopperError):
    """The text could not be turned into a vector.

    `is_outage` tells a provider that is away as a whole from a wrong answer to these texts;
    `retry_after` is the number of seconds that the provider asks to be left alone.
    """

    code = "embedding_failed"
    status = 503

    def __init__(
        self, message: str = "", *, retry_after: float | None = None, is_outage: bool = False, **context: Any
    ) -> None:
        super().__init__(message, **context)
        self.retry_after = retry_after
        self.is_outage = is_outage


@dataclass(frozen=True)
class Usage:
    """What a paid service was asked for; `dollars` (US) is an estimate, or None for a model without a known price."""

    texts: int = 0
    tokens: int = 0
    dollars: float | None = 0.0


class Embedder(Protocol):
    """Turns texts into unit vectors; equal texts give equal vectors.

    `model` stands beside each stored vector, in at most 100 characters, and changes whenever vectors would.
    """

    name: str
    model: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, shape (texts, dimension); a text without words gives a row of zeros.

        :raises EmbeddingFailed: if the provider is away, refuses, or answers with anything else
        """
        ...


@runtime_checkable
class Metered(Protocol):
    """An embedder that costs money."""

    def take_usage(self) -> Usage:
        """Return what was paid for since the last call, whether the answers were of use or not."""
        ...


@dataclass(frozen=True)
class Configuration:
    """The settings that an adapter may look at; equal ones share an embedder."""

    provider: str
    model: str
    dimension: int
    batch_size: int
    timeout: float
    model_path: str
    api_key: str = field(repr=False)
    base_url: str

    @classmethod
    def from_settings(cls) -> "Configuration":
        """Read the settings of now, so that an override counts."""
        return cls(
            provider=settings.EMBEDDINGS_PROVIDER,
            model=settings.EMBEDDINGS_MODEL,
            dimension=settings.EMBEDDINGS_DIMENSION,
            batch_size=settings.EMBEDDINGS_BATCH_SIZE,
            timeout=settings.EMBEDDINGS_TIMEOUT,
            model_path=settings.EMBEDDINGS_MODEL_PATH,
            api_key=settings.OPENAI_API_KEY,
            base_url=settings.OPENAI_BASE_URL,
        )


def only_with_words(texts: Sequence[str], dimension: int, embed: Callable[[list[str]], ArrayLike]) -> Vectors:
    """Embed the texts that have words, as unit rows; the others get zeros and cost nothing.

    :raises EmbeddingFailed: if `embed` gives anything but one finite, non-zero row of `dimension` for each text
    """
    rows = np.zeros((len(texts), dimension), np.float32)
    worded = [place for place, text in enumerate(texts) if WORD.search(text)]
    if worded:
        rows[worded] = _unit(embed([_sendable(texts[place]) for place in worded]), (len(worded), dimension))
    return rows


def pad(vectors: Vectors, width: int) -> Vectors:
    """Fill the rows up with zeros to the width of the column, which changes no cosine.

    :raises EmbeddingFailed: if the rows are wider
    """
    missing = width - vectors.shape[1]
    if missing < 0:
        raise EmbeddingFailed(f"Vectors of {vectors.shape[1]} do not fit a column of {width}.", is_outage=True)
    return np.pad(vectors, ((0, 0), (0, missing)))


def stored_name(*parts: object) -> str:
    """Join what makes vectors comparable; a name that is too long ends in its digest."""
    name = "/".join(map(str, parts))
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - 13]}#{digest}"


def _sendable(text: str) -> str:
    """Replace lone surrogates, which no encoder takes."""
    return text.encode("utf-8", "replace").decode()


def _unit(answer: ArrayLike, shape: tuple[int, int]) -> Vectors:
    rows = np.asarray(answer, np.float64)
    if rows.shape != shape:
        raise EmbeddingFailed(f"The model gave vectors of shape {rows.shape} instead of {shape}.")
    if not np.isfinite(rows).all():
        raise EmbeddingFailed("The model gave a vector that is not made of finite numbers.")
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise EmbeddingFailed("The model gave a vector of zeros.")
    rows = rows / largest  # squares of very large or small numbers would leave the range
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
