"""Form fields for columns that hold JSON, so that nobody has to write it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.fields import InvalidJSONInput
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from hopper.common.fields import DEFAULT_LEVEL, Levels, Tags, normalise_levels, normalise_tag, normalise_tags
from hopper.common.rest.parsers import read_json, unstorable_in

LEVEL_WORDS = {str(number) for number in range(10)}  # 6 to 9 are refused by name, not taken for part of the name


class PlainField(forms.Field):
    """Text that a person writes for a JSON column."""

    hint = ""

    def __init__(self, *, encoder: Any = None, decoder: Any = None, **options: Any) -> None:
        """Drop what a JSON column offers its field, and say how to write the text."""
        super().__init__(**{**options, "help_text": options.get("help_text") or self.hint})

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else self.to_text(value or [])

    def to_python(self, value: Any) -> Any:
        return self.from_text((value or "").strip())

    def to_text(self, value: Any) -> str:
        """Return how the value is shown."""
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """Return the value of what was written."""
        raise NotImplementedError


class TagsField(PlainField):
    """Tags in one line: `api, bug`."""

    widget = UnfoldAdminTextInputWidget
    hint = "Separate them by commas."

    def to_text(self, value: Iterable[str]) -> str:
        return ", ".join(value)

    def from_text(self, text: str) -> list[str]:
        return normalise_tags(_read_json(text) if text.startswith("[") else _split(text))


class LevelsField(PlainField):
    """Capabilities in one line: `python: 4, mcp`, or JSON; a name without a level gets `level`."""

    widget = UnfoldAdminTextInputWidget
    hint = "Separate them by commas; a level from 1 to 5 may follow, like “python: 4, mcp”."

    def __init__(self, *, level: int = DEFAULT_LEVEL, **options: Any) -> None:
        self.level = level
        super().__init__(**options)

    def to_text(self, value: Any) -> str:
        return ", ".join(f"{skill}: {level}" for skill, level in dict(value).items())

    def from_text(self, text: str) -> dict[str, int]:
        if text.startswith(("{", "[")):
            return normalise_levels(_read_json(text), default=self.level)
        levels: dict[str, Any] = {}
        for part in _split(text):
            skill, _, level = part.rpartition(":")
            has_level = level.strip() in LEVEL_WORDS and skill
            levels[normalise_tag(skill if has_level else part)] = int(level) if has_level else self.level
        return normalise_levels(levels)


class TextsField(PlainField):
    """A list of texts, one in each line."""

    widget = UnfoldAdminExpandableTextareaWidget
    hint = "One in each line."

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.hint not in self.help_text:
            self.help_text = f"{self.help_text} {self.hint}"

    def to_text(self, value: Iterable[str]) -> str:
        return "\n".join(value)

    def from_text(self, text: str) -> list[str]:
        return [line.strip() for line in text.splitlines() if line.strip()]


class ObjectField(forms.JSONField):
    """JSON that is readable while it is edited; left empty it is the column's own default."""

    widget = UnfoldAdminExpandableTextareaWidget

    def __init__(self, *, default: Callable[[], Any], **options: Any) -> None:
        self.default = default
        super().__init__(**options)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, InvalidJSONInput):
            return value
        return None if value is None else json.dumps(value, indent=2, ensure_ascii=False, cls=self.encoder)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Keep what was typed as it was typed: it may be what is refused."""
        return InvalidJSONInput(data) if isinstance(data, str) else data

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value:
            self._check(value)
        read = super().to_python(value)
        return self.default() if read is None else read

    def _check(self, text: str) -> None:
        """Refuse here what the API refuses: NaN, keys that stand twice, depths, texts that cannot be stored."""
        try:
            fault = unstorable_in(read_json(text.encode()))
        except ValueError as error:
            raise ValidationError(f"Enter valid JSON: {error}.") from error
        if fault:
            raise ValidationError(fault)


def options_for(column: models.Field, *, text_lists: Iterable[str] = ()) -> dict[str, Any]:
    """Return what `formfield()` needs to show the column without JSON, or with JSON made readable."""
    if isinstance(column, Tags):
        return {"form_class": TagsField, "widget": TagsField.widget}
    if isinstance(column, Levels):
        return {"form_class": LevelsField, "widget": LevelsField.widget, "level": column.level}
    if column.name in text_lists:
        return {"form_class": TextsField, "widget": TextsField.widget}
    if isinstance(column, models.JSONField):
        return {"form_class": ObjectField, "widget": ObjectField.widget, "default": column.get_default}
    if isinstance(column, models.TextField):
        return {"widget": UnfoldAdminExpandableTextareaWidget}
    return {}


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError("This begins like JSON and is none: write names separated by commas.") from error
