"""What a pattern can look at, as keys: `#tag`, `word` and `!priority`."""

import re
from collections.abc import Iterable

WORD = re.compile(r"\w+")
LONGEST_TEXT = 4000  # characters; what stands further down says little of where a task belongs


def words_of(title: str, description: str | None) -> list[str]:
    """Return the words of a task in order, case-folded."""
    return WORD.findall(f"{title}\n{description or ''}"[:LONGEST_TEXT].casefold())


def keys_of(tags: Iterable[str], words: Iterable[str], priority: str | None) -> set[str]:
    """Return everything of a task that a pattern can look at."""
    return {*words, *(f"#{tag}" for tag in tags), *([f"!{priority}"] if priority else [])}
