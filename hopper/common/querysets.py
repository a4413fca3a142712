"""Questions that several tables answer alike."""

from typing import Any

from hopper.common.db.vectors import Distance


class NearestMixin:
    """Rows that have a `meaning`: a vector in a table of its own."""

    def nearest_to(self: Any, vector: Any, *, model: str) -> Any:
        """Rows by growing `distance` (cosine, 0 to 2) from the vector; only vectors of the same model compare.

        Order by distance alone: a second key would keep PostgreSQL from using the index (measured).
        """
        known = self.filter(meaning__model=model, meaning__embedding__isnull=False)
        return known.annotate(distance=Distance("meaning__embedding", vector)).order_by("distance")
