"""The nearest rows: keys and distances by a statement on the vectors alone, then the rows themselves by their keys.

That statement is written out: the database answers a short one in hardly more time than Django takes to build it.
"""

from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from hopper.common.db.vectors import pack, write

FEW = 12_000  # up to here rows are compared one by one: ADR 0014 has the measurement
MARGIN = 4  # times as many are asked of the index as are wanted: it finds them out of order, so the best come late

NEAR = """
    WITH wanted(key) AS ({among}) SELECT {key}, {distance} AS distance FROM {table}
    WHERE model = %s AND embedding IS NOT NULL AND {key} IN (SELECT key FROM wanted) ORDER BY {order} LIMIT %s"""
IF_FEW = f"""
    WITH wanted(key) AS MATERIALIZED ({{among}} LIMIT {FEW + 1}), size(n) AS (SELECT COUNT(*) FROM wanted)
    SELECT n, near.* FROM size LEFT JOIN LATERAL (
        SELECT wanted.key, distance FROM wanted CROSS JOIN LATERAL (
            SELECT embedding <=> %s AS distance FROM {{table}}
            WHERE {{key}} = wanted.key AND model = %s AND embedding IS NOT NULL OFFSET 0
        ) compared WHERE n <= {FEW} ORDER BY distance, wanted.key LIMIT %s
    ) near ON TRUE"""  # noqa: S608 - numbers of ours; OFFSET keeps the planner from reading all vectors instead
BY_INDEX = {"distance": "embedding <=> %s", "order": "distance"}
ONE_BY_ONE = {"distance": "(embedding <=> %s) + 0", "order": "distance, 1"}  # in an order that no index has
ON_SQLITE = {"distance": "hopper_cosine_distance(embedding, %s)", "order": "distance, 1"}

Found = list[tuple[Any, float]]


def nearest_keys(rows: QuerySet, vector: Any, *, model: str, count: int) -> Found:
    """Return the keys of the `count` of the rows nearest to the vector, each with its distance.

    A few are compared one by one, and so are all if the index gives up before it has found enough: it looks at
    40,000 vectors and no more, whether or not the rows that are wanted lie that near.
    """
    try:
        return _Search(rows.order_by(), vector, model).nearest(count)
    except EmptyResultSet:
        return []


def nearest_rows(rows: QuerySet, vector: Any, *, model: str, count: int) -> list[Any]:
    """Return these rows themselves, each with its `distance`."""
    found = dict(nearest_keys(rows, vector, model=model, count=count))
    known = rows.order_by().in_bulk(list(found))
    for key, row in known.items():
        row.distance = found[key]
    return [known[key] for key in found if key in known]


class _Search:
    """A question for keys and distances, with the rows it is asked among as SQL."""

    def __init__(self, rows: QuerySet, vector: Any, model: str) -> None:
        vectors: Any = rows.model._meta.get_field("meaning").related_model
        among, self.parameters = rows.values("pk").query.sql_with_params()
        self.names = {"among": among, "table": vectors._meta.db_table, "key": vectors._meta.pk.column}
        self.is_filtered, self.vector, self.model = bool(rows.query.has_filters()), vector, model

    def nearest(self, count: int) -> Found:
        if connection.vendor == "sqlite":
            return self._ask(NEAR, ON_SQLITE, pack(self.vector), count)
        vector = write(self.vector)
        if self.is_filtered:
            answer = self._ask(IF_FEW, {}, vector, count)
            if answer[0][0] <= FEW:
                return [(key, distance) for _, key, distance in answer if key is not None]
        of_index = count * MARGIN if self.is_filtered else count
        found = self._ask(NEAR, BY_INDEX, vector, of_index)
        if len(found) < of_index:
            return self._ask(NEAR, ONE_BY_ONE, vector, count)
        return sorted(found, key=itemgetter(1, 0))[:count]

    def _ask(self, statement: str, how: dict[str, str], vector: str | bytes, count: int) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(**self.names, **how), (*self.parameters, vector, self.model, count))
            return cursor.fetchall()
