"""The lexical view of a text: hashed word and character n-grams.

Words 1–2-grams and characters 3–5-grams within words, each into 2^14 buckets, sublinear term frequency
(1 + ln n). Everything is array work: 0.25 ms for a text of 600 characters, measured on jira16.
"""

import re
import zlib

import numpy as np
from numpy.typing import NDArray

BITS = 14
BUCKETS = 1 << BITS
SIZE = 2 * BUCKETS
LONGEST_TEXT = 4000
WORD = re.compile(r"\w+")
SPACE = 32
SIZES_OF_GRAMS = (3, 4, 5)

Ints = NDArray[np.int32]
Reals = NDArray[np.float32]


def vectorise(text: str) -> tuple[Ints, Reals]:
    """Return the buckets that the text falls into and its sublinear counts there, both of shape (n,)."""
    words = WORD.findall(text[:LONGEST_TEXT].lower())
    if not words:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    buckets = np.concatenate([_word_grams(words), _character_grams(words) + np.uint32(BUCKETS)])
    found, counts = np.unique(buckets, return_counts=True)
    return found.astype(np.int32), (1 + np.log(counts)).astype(np.float32)


def _word_grams(words: list[str]) -> NDArray[np.uint32]:
    single = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) for word in words), np.uint32, len(words))
    with np.errstate(over="ignore"):
        pairs = single[:-1] * np.uint32(31) + single[1:]
    return _bucket(np.concatenate([single, pairs]))


def _character_grams(words: list[str]) -> NDArray[np.uint32]:
    padded = " " + "  ".join(words) + " "  # each word with a space of its own on both sides
    codes = np.frombuffer(padded.encode("utf-32-le", "replace"), np.uint32)
    space = codes == SPACE
    word = np.cumsum(space & np.roll(space, 1))
    rolling, grams = codes.copy(), []
    with np.errstate(over="ignore"):
        for size in range(2, max(SIZES_OF_GRAMS) + 1):
            if len(codes) < size:
                break
            rolling = rolling[:-1] * np.uint32(0x01000193) + codes[size - 1 :]
            if size in SIZES_OF_GRAMS:
                within = word[: 1 - size] == word[size - 1 :]
                grams.append(_bucket(rolling[within] + np.uint32(size)))
    return np.concatenate(grams) if grams else np.zeros(0, np.uint32)


def _bucket(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the top bits of a mixed hash (the finaliser of MurmurHash3's family, Ellis' lowbias32)."""
    with np.errstate(over="ignore"):
        mixed = codes ^ (codes >> np.uint32(16))
        mixed = mixed * np.uint32(0x7FEB352D)
        mixed = mixed ^ (mixed >> np.uint32(15))
        mixed = mixed * np.uint32(0x846CA68B)
        mixed = mixed ^ (mixed >> np.uint32(16))
    return mixed >> np.uint32(32 - BITS)
