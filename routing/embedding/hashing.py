"""Vectors without a model: the lexical view of a text, hashed into few dimensions; offline and deterministic."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routing.embedding.base import Configuration, Vectors, only_with_words, stored_name
from routing.learning.features import LONGEST_TEXT, SIZE, vectorise

VERSION = 1  # raise it with any change of `vectorise` or of the hash below


class HashingEmbedder:
    """Signed feature hashing of words and character n-grams (Weinberger et al., 2009); similar words, not meanings."""

    name = "hashing"
    alike, same = 0.25, 0.95

    def __init__(self, configuration: Configuration) -> None:
        self.dimension = configuration.dimension
        self.model = stored_name(f"hashing-{VERSION}", self.dimension)
        hashes = _mix(np.arange(SIZE, dtype=np.uint64))
        self._slots = (hashes % np.uint64(self.dimension)).astype(np.intp)
        self._signs = np.where(hashes >> np.uint64(63), 1.0, -1.0)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text."""
        read = [text[:LONGEST_TEXT] for text in texts]
        return only_with_words(read, self.dimension, lambda worded: np.stack([self._embed(text) for text in worded]))

    def _embed(self, text: str) -> NDArray[np.float64]:
        buckets, counts = vectorise(text)
        weights = self._signs[buckets] * counts
        row = np.bincount(self._slots[buckets], weights, minlength=self.dimension).astype(np.float64)
        if not row.any():  # the few features of a very short text have cancelled each other
            row[self._slots[buckets[0]]] = 1.0
        return row


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well spread 64-bit hashes (the finaliser of SplitMix64, Steele et al., 2014)."""
    with np.errstate(over="ignore"):
        mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
