"""One order out of several."""

from collections.abc import Iterable

K = 60  # as published: it keeps the first places of one order from outweighing all of another


def fuse(*rankings: Iterable[str], k: int = K) -> dict[str, float]:
    """Return each key with the sum of 1 / (k + rank) over the rankings that have it, best first; ranks begin at 1.

    Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): scores of different kinds need no common
    scale. What ties stands in the order of the keys.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            scores[key] = scores.get(key, 0.0) + 1.0 / (k + rank)
    return dict(sorted(scores.items(), key=lambda scored: (-scored[1], scored[0])))
