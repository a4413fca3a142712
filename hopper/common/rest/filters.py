"""List filters: unknown names are refused, not ignored."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db import models
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from hopper.common.fields import normalise_tags
from hopper.common.rest.parsers import unstorable
from hopper.common.words import MOST_WORDS


class StrictFilterBackend(filters.DjangoFilterBackend):
    """django-filter that answers 400 to a name it does not know."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        filterset_class = self.get_filterset_class(view, queryset)
        filters_here = set(filterset_class.base_filters) if filterset_class else set()
        searched = {"search"} if SearchBackend in view.filter_backends else set()
        known = {*view.pagination_class.parameters, *searched, *getattr(view, "parameters", ()), *filters_here}
        asked = set(request.query_params)
        if unknown := sorted(asked - known):
            raise ValidationError(
                {name: [f"There is no such filter here. Known: {', '.join(sorted(known))}."] for name in unknown}
            )
        if not asked & filters_here:
            return queryset  # spares the form, which costs more than the query
        return super().filter_queryset(request, queryset, view)


class FlagField(forms.Field):
    """true or false; other words are refused, not taken for no filter at all."""

    def to_python(self, value: str | None) -> bool | None:
        if value in self.empty_values:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Send true or false.")
        return value == "true"


class FlagFilter(filters.BooleanFilter):
    """Rows where the column is true, or where it is false."""

    field_class = FlagField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class WholeNumberFilter(filters.NumberFilter):
    """Rows by a number that has no fraction."""

    field_class = forms.IntegerField


class MomentField(IsoDateTimeField):
    """A moment that a database can hold in UTC."""

    def clean(self, value: str | None) -> datetime | None:
        try:
            moment = super().clean(value)
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise forms.ValidationError("This is beyond the calendar: send a year from 2 to 9998.") from error


class MomentFilter(filters.IsoDateTimeFilter):
    """Rows before or after a moment, written in ISO 8601."""

    field_class = MomentField


class StrictFilterSet(filters.FilterSet):
    """Filters whose words are taken as they are meant or refused."""

    FILTER_DEFAULTS = {**filters.FilterSet.FILTER_DEFAULTS, models.BooleanField: {"filter_class": FlagFilter}}


class SearchBackend:
    """`?search=` asks the QuerySet's own `search()`."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> QuerySet:
        text = request.query_params.get("search", "")
        check_words(text, "search")
        return queryset.search(text) if text and hasattr(queryset, "search") else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        text = {"name": "search", "in": "query", "required": False, "schema": {"type": "string"}}
        return [text | {"description": "Rows whose text contains every word."}]


def check_words(text: str, name: str) -> None:
    """Check what is to be searched for.

    :raises ValidationError: if the text cannot be stored or has too many words
    """
    fault = unstorable(text)
    if not fault and len(text.split()) > MOST_WORDS:
        fault = f"At most {MOST_WORDS} words: leave out what matters least."
    if fault:
        raise ValidationError({name: [fault]})


class TagsField(forms.CharField):
    """Tags in one text, separated by commas."""

    def to_python(self, value: str | None) -> Any:
        text = super().to_python(value)
        return normalise_tags(text.split(",")) if text else []

    def run_validators(self, value: list[str]) -> None:
        super().run_validators(",".join(value))


class TagFilter(filters.CharFilter):
    """Rows that carry the tag; separate several by commas to ask for all of them."""

    field_class = TagsField

    def filter(self, queryset: Any, value: list[str]) -> QuerySet:
        return queryset.tagged(*value) if value else queryset


class AliasFilter(filters.ChoiceFilter):
    """A choice that also accepts the words other systems use for it."""

    def __init__(self, *args: Any, aliases: dict[str, str], **kwargs: Any) -> None:
        choices = [*kwargs.pop("choices"), *((alias, word) for alias, word in aliases.items())]
        self.aliases = aliases
        super().__init__(*args, choices=choices, **kwargs)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        return super().filter(queryset, self.aliases.get(value, value))
