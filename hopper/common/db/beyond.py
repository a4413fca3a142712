"""Rows beyond another one in an order: compared whole, so that both databases seek to it in the index of the order."""

from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, Func, Value


class Beyond(Func):
    """`(a, b, c) > (x, y, z)`, or `<`: the columns, none of them null, and the values of the row to read on from."""

    output_field = BooleanField()

    def __init__(self, columns: Sequence[Any], values: Sequence[Any], sign: str) -> None:
        super().__init__(*columns, *values)
        self.sign = sign

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        """Let each value be written like its column."""
        found = super().resolve_expression(*args, **kwargs)
        parts = found.get_source_expressions()
        columns, values = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        typed = [Value(v.value, output_field=c.output_field) for c, v in zip(columns, values, strict=True)]
        found.set_source_expressions([*columns, *typed])
        return found

    def as_sql(self, compiler: Any, connection: Any, *shapes: Any, **extra: Any) -> Any:
        parts = [compiler.compile(part) for part in self.source_expressions]
        words, half = [sql for sql, _ in parts], len(parts) // 2
        sql = f"({', '.join(words[:half])}) {self.sign} ({', '.join(words[half:])})"
        return sql, [value for _, values in parts for value in values]
