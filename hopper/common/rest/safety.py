"""Writes that may be repeated and never overwrite: `Idempotency-Key`, `ETag` and `If-Match` at every door."""

from functools import cache, partial
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from hopper.common.models import Versioned
from hopper.common.rest import conditions, idempotency
from hopper.common.rest.principals import principal_of
from hopper.common.rest.serializers import LeanSerializer


class SafeWrites(GenericViewSet):
    """Knows the rows in its answers: their addresses to repeat an answer, their versions to guard a change."""

    queryset: Any
    serializer_class: Any  # lean wherever rows are shown
    list_serializer_class: ClassVar[type[LeanSerializer] | None] = None
    also_shows: ClassVar[tuple[type[LeanSerializer], ...]] = ()  # rows of other kinds in its answers
    kept_words: ClassVar[tuple[str, ...]] = ()  # names of texts in an answer that are kept to repeat it
    conditional: ClassVar[tuple[str, ...]] = ()  # actions that need If-Match
    only_reads: Any = False  # its POST stores nothing, so that no key is needed

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action in self.conditional:
            self.wanted_tags = conditions.wanted_tags(request, principal_of(request))
        if request.method == "POST" and idempotency.HEADER in request.META and not self.only_reads:
            self.post: Any = partial(idempotency.once, self, self.post)  # the handler that as_view has put there

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        row: Any = getattr(response, "data", None)
        shape = self.shape_of(row) if isinstance(row, dict) and "version" in row else None
        if shape and issubclass(shape.model(), Versioned):
            answer["ETag"] = conditions.tag_of(shape.key_of(row), row["version"])
        return answer

    @classmethod
    @cache
    def shapes(cls) -> dict[str, type[LeanSerializer]]:
        """Return the serializers of the rows in its answers, by name."""
        shown = (cls.serializer_class, cls.list_serializer_class, *cls.also_shows)
        return {shape.__name__: shape for shape in shown if shape and issubclass(shape, LeanSerializer)}

    @classmethod
    @cache
    def _shapes_by_columns(cls) -> dict[frozenset[str], type[LeanSerializer]]:
        return {frozenset(name for name, _ in shape.columns()): shape for shape in cls.shapes().values()}

    def shape_of(self, shown: dict[str, Any]) -> type[LeanSerializer] | None:
        """Return the serializer that shows such a row; None if it is no row."""
        return self._shapes_by_columns().get(frozenset(shown))

    def rows_of(self, shape: type[LeanSerializer]) -> Any:
        """Return the rows of that shape that the principal may see."""
        model: Any = shape.model()
        who, rows = principal_of(self.request), model._default_manager.all()
        if model is self.queryset.model:
            return self.get_queryset()
        if not who.is_limited:
            return rows
        return rows.for_principal(who) if hasattr(rows, "for_principal") else rows.none()

    def tag_of(self, row: Any) -> str:
        """Return the ETag of a row that this view shows."""
        return conditions.tag_of(self._key_of(row), row.version)

    def matching(self, row: Any) -> Any:
        """Return the row; operations refuse to change it unless its version is one that If-Match names."""
        if self.wanted_tags is not None:
            row.wanted_versions = conditions.versions_in(self.wanted_tags, self._key_of(row))
        return row

    def _key_of(self, row: Any) -> dict[str, str]:
        return next(shape for shape in self.shapes().values() if shape.model() is type(row)).key_of(row)
