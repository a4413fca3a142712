"""Vectors as embedding models make them: 32 hidden directions spread over many dimensions, and a little noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIDDEN = 32
NOISE = 0.1  # beside a signal of length 1
CHUNK = 50_000
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Cloud:
    """Unit vectors of shape (rows, dimensions), and how far each lies along the first hidden direction."""

    vectors: Floats
    along: Floats


class Latent:
    """A source of vectors; equal seeds give equal vectors."""

    def __init__(self, dimensions: int, seed: int = 7) -> None:
        self.chance = np.random.default_rng(seed)
        self.spread = self.chance.standard_normal((HIDDEN, dimensions), np.float32)

    def draw(self, rows: int) -> Cloud:
        """Return that many more vectors."""
        vectors = np.empty((rows, self.spread.shape[1]), np.float32)
        along = np.empty(rows, np.float32)
        for start in range(0, rows, CHUNK):
            part = slice(start, min(start + CHUNK, rows))
            hidden = self.chance.standard_normal((part.stop - start, HIDDEN), np.float32)
            noise = self.chance.standard_normal((len(hidden), self.spread.shape[1]), np.float32)
            made = hidden @ self.spread + NOISE * HIDDEN**0.5 * noise
            vectors[part] = made / np.linalg.norm(made, axis=1, keepdims=True)
            along[part] = hidden[:, 0]
        return Cloud(vectors, along)


def nearest(cloud: Cloud, questions: Floats, among: NDArray[np.bool_], count: int) -> list[set[int]]:
    """Return the numbers of the `count` rows among these with the largest cosine, for each question."""
    numbers = np.flatnonzero(among)
    return [
        set(numbers[np.argpartition(-cosines, count)[:count]].tolist())
        for cosines in questions @ cloud.vectors[numbers].T
    ]
