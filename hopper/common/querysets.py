"""Questions that several tables answer alike."""

from typing import Any

from hopper.common.db.vectors import nearest_rows


class NearestMixin:
    """Rows that have a `meaning`: a vector in a table of its own."""

    def nearest_to(self: Any, vector: Any, *, model: str, count: int) -> list[Any]:
        """The `count` rows nearest to the vector by growing `distance` (cosine, 0 to 2); filter them before.

        Only vectors of the same model compare. As many rows come as there are, up to `count`, however far away.
        """
        known = self.filter(meaning__model=model, meaning__embedding__isnull=False)
        return nearest_rows(known, "meaning__embedding", vector, count=count, among=self)
