"""Questions that several tables answer alike."""

from typing import Any

from hopper.common.db.nearest import Found, nearest_keys, nearest_rows


class NearestMixin:
    """Rows that have a `meaning`: a vector in a table of its own."""

    def nearest_to(self: Any, vector: Any, *, model: str, count: int) -> list[Any]:
        """The `count` rows nearest to the vector by growing `distance` (cosine, 0 to 2); filter them before.

        Only vectors of the same model compare. As many rows come as there are, up to `count`, however far away.
        """
        return nearest_rows(self, vector, model=model, count=count)

    def nearest_keys(self: Any, vector: Any, *, model: str, count: int) -> Found:
        """Keys and distances of those rows, for whoever does not need the rows."""
        return nearest_keys(self, vector, model=model, count=count)
