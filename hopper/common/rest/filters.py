"""List filters: unknown names are refused, not ignored."""

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from hopper.common.fields import normalise_tag


class StrictFilterBackend(filters.DjangoFilterBackend):
    """django-filter that answers 400 to a name it does not know."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        known = {*view.pagination_class.parameters, "search", *getattr(view, "parameters", ())}
        filterset_class = self.get_filterset_class(view, queryset)
        known |= set(filterset_class.get_filters()) if filterset_class else set()
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise ValidationError(
                {name: [f"There is no such filter here. Known: {', '.join(sorted(known))}."] for name in unknown}
            )
        return super().filter_queryset(request, queryset, view)


class SearchBackend:
    """`?search=` asks the QuerySet's own `search()`."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> QuerySet:
        text = request.query_params.get("search", "")
        if "\x00" in text:
            raise ValidationError({"search": ["The text has a NUL character: remove it."]})
        return queryset.search(text) if text and hasattr(queryset, "search") else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        text = {"name": "search", "in": "query", "required": False, "schema": {"type": "string"}}
        return [text | {"description": "Rows whose text contains every word."}]


class TagFilter(filters.CharFilter):
    """Rows that carry the tag; repeat with commas for all of several."""

    def filter(self, queryset: Any, value: str) -> QuerySet:
        return queryset.tagged(*[normalise_tag(tag) for tag in value.split(",")]) if value else queryset


class AliasFilter(filters.ChoiceFilter):
    """A choice that also accepts the words other systems use for it."""

    def __init__(self, *args: Any, aliases: dict[str, str], **kwargs: Any) -> None:
        choices = [*kwargs.pop("choices"), *((alias, word) for alias, word in aliases.items())]
        self.aliases = aliases
        super().__init__(*args, choices=choices, **kwargs)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        return super().filter(queryset, self.aliases.get(value, value))
