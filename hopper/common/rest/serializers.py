"""Serializers: strict on the way in, lean on the way out."""

import threading
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers
from rest_framework.utils.model_meta import get_field_info

from hopper.common.fields import Levels, Tags, normalise_levels, normalise_tags

BIDI = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"))


class StrictCharField(serializers.CharField):
    """Text that is text: no number is read as one; NFC, without control and bidi characters."""

    default_error_messages = {"invalid": "Send a text in quotes."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text = unicodedata.normalize("NFC", data).translate(BIDI)
        return super().to_internal_value("".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc"))

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and "\x00" in data:
            raise serializers.ValidationError("The text has a NUL character: remove it.")
        return super().run_validation(data)


class StrictSlugField(serializers.SlugField):
    """A slug that is text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError(StrictCharField.default_error_messages["invalid"])
        return super().to_internal_value(data)


class StrictBooleanField(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Send true or false, without quotes.")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer; 1.0 and "1" are none."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictFloatField(serializers.FloatField):
    """A JSON number; true and "0.5" are none."""

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class KnownRowField(serializers.PrimaryKeyRelatedField):
    """The key of a row that is there."""

    default_error_messages = {"incorrect_type": "Send the key as a text in quotes."}

    @staticmethod
    def missing(key: str) -> str:
        """Return the sentence for a row that is not there, or that nobody may know of."""
        return f"There is no {key[:60]!r} that you may see: name one that is there, or leave the field out."

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("incorrect_type")
        rows = self.get_queryset()
        row = rows.filter(pk=data).first() if rows is not None else None
        if row is None:
            raise serializers.ValidationError(self.missing(data), code="does_not_exist")
        return row


class TagsField(serializers.ListField):
    """A list of tags; comes back sorted, case-folded, each once."""

    child = serializers.CharField(max_length=64)

    def to_internal_value(self, data: Any) -> list[str]:
        return normalise_tags(data) if isinstance(data, list) else self.fail("not_a_list", input_type=type(data))

    def to_representation(self, data: Any) -> Any:
        return data


class LevelsField(serializers.JSONField):
    """Skills as `["python"]`, `{"python": 4}` or `{"languages": ["python"]}`; comes back as `{"python": 4}`."""

    def __init__(self, *args: Any, level: int, **kwargs: Any) -> None:
        self.level = level
        super().__init__(*args, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, int]:
        return normalise_levels(data, default=self.level)


class StrictSerializer(serializers.Serializer):
    """Refuses fields that it does not know or may not write."""

    @classmethod
    def checked(cls, data: Any, row: Any = None, *, partial: bool = False) -> dict[str, Any]:
        """Return the validated input; `row` is what it would change.

        :raises ValidationError: naming each field that is wrong
        """
        kept = _kept_serializer(cls)
        kept.instance, kept.partial = row, partial
        try:
            return dict(kept.run_validation(data))
        finally:
            kept.instance = None

    @classmethod
    def client_names(cls, errors: dict[str, Any]) -> dict[str, Any]:
        """Return the errors of an operation under the names that a client knows."""
        names = {field.source: name for name, field in _kept_serializer(cls).fields.items()}
        return {names.get(name, name): texts for name, texts in errors.items()}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            data = self._with_column_names(data)
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(set(data) - writable)
            if unknown:
                raise serializers.ValidationError({name: [self.refusal(name)] for name in unknown})
        return super().to_internal_value(data)

    def _with_column_names(self, data: dict[str, Any]) -> dict[str, Any]:
        """Accept `parent` for `parent_id`, as long as only one of them is sent."""
        long = {name.removesuffix("_id"): name for name, _ in self.fields.items() if name.endswith("_id")}
        return {long.get(name, name) if long.get(name) not in data else name: value for name, value in data.items()}

    def refusal(self, name: str) -> str:
        """Return the sentence for a field that may not be sent."""
        if name in self.fields:
            return "Hopper sets this field itself: leave it out."
        writable = sorted(name for name, field in self.fields.items() if not field.read_only)
        return f"There is no field {name[:60]!r}. Known: {', '.join(writable)}."


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    """A strict serializer whose fields come from a model."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: StrictCharField,
        models.TextField: StrictCharField,
        models.SlugField: StrictSlugField,
        models.BooleanField: StrictBooleanField,
        models.IntegerField: StrictIntegerField,
        models.PositiveIntegerField: StrictIntegerField,
        models.PositiveSmallIntegerField: StrictIntegerField,
        models.FloatField: StrictFloatField,
        Tags: TagsField,
    }

    serializer_related_field = KnownRowField

    def build_property_field(self, field_name: str, model_class: Any) -> Any:
        """Read and write a relation under its column's name: `parent_id` for `parent`."""
        relation = get_field_info(model_class).relations.get(field_name.removesuffix("_id"))
        if relation is None or issubclass(type(self), LeanSerializer):
            return super().build_property_field(field_name, model_class)
        field_class, options = self.build_relational_field(field_name.removesuffix("_id"), relation)
        return field_class, {**options, "source": field_name.removesuffix("_id")}

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        if isinstance(model_field, Levels):
            return LevelsField, {"level": model_field.level, "required": False}
        field_class, options = super().build_standard_field(field_name, model_field)
        if field_class is TagsField:
            return TagsField, {"required": False}
        return field_class, options


class LeanSerializer(StrictModelSerializer):
    """Reads columns straight from the row; the renderer knows how to write them.

    Measured against ModelSerializer on a page of 50 tasks in `bench.http`.
    """

    address: ClassVar[tuple[str, ...]] = ()  # the columns that name a row, where its primary key is not shown

    @classmethod
    def model(cls) -> type[models.Model]:
        """Return the model whose rows it shows."""
        shown: Any = cls.Meta
        return shown.model

    @classmethod
    def key_of(cls, shown: Any) -> dict[str, str]:
        """Return the columns that name a row, of the row or of how it is shown."""
        names = cls.address or (cls.model()._meta.pk.attname,)
        read = shown.__getitem__ if isinstance(shown, dict) else partial(getattr, shown)
        return {name: str(read(name)) for name in names}

    @classmethod
    @cache
    def columns(cls) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        return tuple((str(field.field_name), _reader(field)) for field in cls()._readable_fields)

    @classmethod
    def show(cls, row: Any) -> dict[str, Any]:
        """Return the row as a client sees it."""
        return {name: read(row) for name, read in cls.columns()}

    @classmethod
    def show_all(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        """Return the rows as a client sees them."""
        return [cls.show(row) for row in rows]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return self.show(instance)


_in_thread = threading.local()


def _kept_serializer(cls: type[StrictSerializer]) -> StrictSerializer:
    """Return this thread's serializer of the class: building its fields costs ten times what using them does."""
    kept: dict[type, StrictSerializer] = _in_thread.__dict__.setdefault("serializers", {})
    if cls not in kept:
        kept[cls] = cls()
    return kept[cls]


def _reader(field: Any) -> Callable[[Any], Any]:
    if isinstance(field, serializers.PrimaryKeyRelatedField):
        attribute = f"{field.source}_id"
        return lambda row: getattr(row, attribute)
    if isinstance(field, serializers.BaseSerializer):
        return lambda row: _nested(field, row)
    if isinstance(field, serializers.SerializerMethodField):
        method = getattr(field.parent, field.method_name)
        return lambda row: method(row)
    source = field.source
    return lambda row: getattr(row, source)


def _nested(field: Any, row: Any) -> Any:
    value = getattr(row, field.source, None)
    return None if value is None else field.to_representation(value)
