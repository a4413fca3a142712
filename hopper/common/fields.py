"""Columns that several apps share: tags and capability levels."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from hopper.common.errors import wrong

MAX_TAGS = 64
MAX_TAG_LENGTH = 64
DEFAULT_LEVEL = 3
LEVELS = range(1, 6)


def normalise_tag(tag: Any) -> str:
    """Return the tag case-folded and trimmed.

    :raises ValidationError: if it is no text, empty, longer than 64 characters, or has quotes or control characters
    """
    if not isinstance(tag, str):
        raise wrong(f'A tag is text, not {type(tag).__name__}: send a list like ["api", "bug"].')
    name = tag.strip().casefold()
    if not name or len(name) > MAX_TAG_LENGTH or not name.isprintable() or set(name) & set("\"'\\"):
        raise wrong(
            f"{tag[:80]!r} is no tag: use 1 to {MAX_TAG_LENGTH} printable characters without quotes or backslashes."
        )
    return name


def normalise_tags(tags: Any) -> list[str]:
    """Return the tags sorted, each once.

    :raises ValidationError: if they are no list of tags, or more than 64
    """
    if isinstance(tags, dict):
        tags = list(tags)
    if not isinstance(tags, list | tuple | set | frozenset):
        raise ValidationError('Tags are a list of words, like ["api", "bug"].')
    names = sorted({normalise_tag(tag) for tag in tags})
    if len(names) > MAX_TAGS:
        raise wrong(f"{len(names)} tags are too many: keep the {MAX_TAGS} that matter.")
    return names


def normalise_levels(value: Any, *, default: int = DEFAULT_LEVEL) -> dict[str, int]:
    """Return `{skill: level 1-5}` from a list, an object of levels, or lists grouped by heading.

    :raises ValidationError: if the shape is none of the three or a level is not 1 to 5
    """
    if isinstance(value, list | tuple):
        return {normalise_tag(skill): default for skill in value}
    if not isinstance(value, dict):
        raise ValidationError('Capabilities are a list, {"python": 4}, or {"languages": ["python"]}.')
    levels: dict[str, int] = {}
    for name, entry in value.items():
        if isinstance(entry, list | tuple | dict):
            levels |= normalise_levels(entry, default=default)
        elif isinstance(entry, int) and not isinstance(entry, bool) and entry in LEVELS:
            levels[normalise_tag(name)] = entry
        else:
            raise wrong(f"{name}: a level is a whole number from 1 to 5, not {entry!r}.")
    return dict(sorted(levels.items()))


class Tags(models.JSONField):
    """A sorted list of tags in Python, `{"api": true}` in the table, so that `has_key` works on both databases."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        defaults = {"default": list, "blank": True, "db_default": models.Value({}, models.JSONField())}
        super().__init__(*args, **{**defaults, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        stored = super().from_db_value(value, expression, connection)
        return sorted(stored) if isinstance(stored, dict) else stored

    def to_python(self, value: Any) -> Any:
        return normalise_tags(value) if value is not None else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, list | tuple | set):
            value = dict.fromkeys(normalise_tags(value), True)
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: Any) -> Any:
        return self.value_from_object(obj)


class Levels(models.JSONField):
    """Capabilities with a level each: `{"python": 4}`; a bare list is read at `level`."""

    def __init__(self, *args: Any, level: int = DEFAULT_LEVEL, **kwargs: Any) -> None:
        self.level = level
        defaults = {"default": dict, "blank": True, "db_default": models.Value({}, models.JSONField())}
        super().__init__(*args, **{**defaults, **kwargs})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "level": self.level}

    def to_python(self, value: Any) -> Any:
        return normalise_levels(value, default=self.level) if value is not None else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, list | tuple | dict):
            value = normalise_levels(value, default=self.level)
        return super().get_db_prep_value(value, connection, prepared)
