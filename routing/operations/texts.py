"""What is embedded of a row, and how one text is told from another."""

import hashlib

from routing.models import Pattern
from routing.policy.types import TaskView
from tasks.models import Task


def text_of_task(task: Task | TaskView) -> str:
    """Return what is embedded of a task: title, description and tags, each on a line."""
    return "\n".join([task.title, task.description or "", f"Tags: {', '.join(task.tags)}" if task.tags else ""]).strip()


def text_of_pattern(pattern: Pattern) -> str:
    """Return what is embedded of a pattern: name, description and criteria, each on a line."""
    criteria = [*pattern.tag_criteria, *map(str, pattern.text_criteria), pattern.priority_criteria or ""]
    return "\n".join([pattern.name, pattern.description or "", ", ".join(filter(None, criteria))]).strip()


def hash_of(text: str) -> str:
    """Return the digest under which the vector of a text is kept."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
