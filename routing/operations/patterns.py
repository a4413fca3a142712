"""Patterns: written by people for now."""

from typing import Any

from hopper.events import operations as log
from routing.models import Pattern


def create_pattern(*, actor: str, **fields: Any) -> Pattern:
    """Write a pattern down.

    :raises Invalid: if a field is wrong or it has no target
    """
    return log.create_row(Pattern(**fields), kind="pattern.created", actor=actor)


def change_pattern(*, pattern: Pattern, actor: str, **changes: Any) -> Pattern:
    """Change a pattern.

    :raises Invalid: if a field is wrong
    """
    return log.change_row(pattern, kind="pattern.changed", actor=actor, changes=changes)


def delete_pattern(*, pattern: Pattern, actor: str) -> None:
    """Delete a pattern."""
    log.delete_row(pattern, kind="pattern.deleted", actor=actor)
