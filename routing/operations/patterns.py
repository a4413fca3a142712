"""Patterns: written by people or found by consolidation, and what routing makes of them."""

from typing import Any

from hopper.events import operations as log
from routing.learning.bounds import lower_bound
from routing.learning.criteria import words_of
from routing.learning.mining import FEWEST, LOCAL, NEWER
from routing.models import Pattern, PatternEvidence
from routing.strategies import Known, PatternBook


def create_pattern(*, actor: str, **fields: Any) -> Pattern:
    """Write a pattern down.

    :raises Invalid: if a field is wrong or it has no target
    """
    return log.create_row(Pattern(**fields), kind="pattern.created", actor=actor)


def change_pattern(*, pattern: Pattern, actor: str, **changes: Any) -> Pattern:
    """Change a pattern; one that was learned is its changer's from then on, and consolidation leaves it as it is.

    :raises Invalid: if a field is wrong
    """
    if pattern.source == Pattern.Source.LEARNED:
        changes.setdefault("source", Pattern.Source.MANUAL)
    return log.change_row(pattern, kind="pattern.changed", actor=actor, changes=changes)


def delete_pattern(*, pattern: Pattern, actor: str) -> None:
    """Delete a pattern."""
    log.delete_row(pattern, kind="pattern.deleted", actor=actor)


def read_patterns() -> PatternBook:
    """Return the active patterns, compiled: two queries."""
    seen = {
        evidence.pattern_id: lower_bound(evidence.successes, evidence.successes + evidence.failures)
        for evidence in PatternEvidence.objects.filter(source=LOCAL, window=NEWER)
        if evidence.successes + evidence.failures >= FEWEST
    }
    return PatternBook(filter(None, (_known(pattern, seen.get(pattern.pk)) for pattern in Pattern.objects.active())))


def _known(pattern: Pattern, bound: float | None) -> Known | None:
    """Return the pattern as routing sees it, or None if no task can match it.

    One that a person wrote counts as that person says, until enough of it was seen to know better.
    """
    phrases = tuple(filter(None, (" ".join(words_of(str(text), None)) for text in pattern.text_criteria)))
    if len(phrases) < len(pattern.text_criteria) or not (phrases or pattern.tag_criteria or pattern.priority_criteria):
        return None
    is_written = pattern.source != Pattern.Source.LEARNED and not pattern.is_anti_pattern
    return Known(
        id=pattern.pk, name=pattern.name, project=pattern.target_project, instance=pattern.target_instance,
        tags=frozenset(pattern.tag_criteria), phrases=phrases, priority=pattern.priority_criteria,
        sureness=bound if is_written and bound is not None else pattern.confidence, is_anti=pattern.is_anti_pattern,
    )  # fmt: skip
