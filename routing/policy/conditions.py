"""What a rule may ask of a task: conditions read from YAML or JSON values; the format is in docs/routing-rules.md.

A condition that can only match where something is (a word, a tag, a priority, a requester, a pattern) names that as
its triggers, so that a book of a thousand rules tries those alone which can match.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import re2
from django.core.exceptions import ValidationError

from hopper.common.errors import wrong
from hopper.common.fields import normalise_tag
from routing.policy.types import PRIORITIES, TaskView

WORD = re.compile(r"\w+")
LONGEST_PATTERN = 512
LONGEST_TEXT = 64_000
MOST_CONDITIONS = 8  # levels of and, or, not
PATTERN = "~"  # what stands before a trigger that is a pattern

Triggers = frozenset[str] | None  # one of these must be there; None: it can match anything


@dataclass(frozen=True)
class Seen:
    """A task prepared for matching."""

    task: TaskView

    @cached_property
    def text(self) -> str:
        return f"{self.task.title}\n{self.task.description}"[:LONGEST_TEXT].casefold()

    @cached_property
    def words(self) -> list[str]:
        return WORD.findall(self.text)

    @cached_property
    def joined(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def keys(self) -> set[str]:
        """The triggers that are there, but for patterns."""
        task = self.task
        return {*self.words, *(f"#{tag}" for tag in task.tags), f"!{task.priority}", f"@{task.requester.casefold()}"}


@dataclass(frozen=True)
class Condition:
    """Something a task matches to a degree in [0, 1]."""

    match: Callable[[Seen], float]
    triggers: Triggers


def read_condition(data: Any, depth: int = 0) -> Condition:
    """Read what stands behind `when`.

    :raises ValidationError: saying what is wrong
    """
    if depth > MOST_CONDITIONS:
        raise wrong(f"Conditions are nested deeper than {MOST_CONDITIONS} levels.")
    if not isinstance(data, dict) or len(data) != 1:
        raise wrong(f"`when` has one key, one of: {', '.join(READERS)}.")
    ((kind, value),) = data.items()
    if kind not in READERS:
        raise wrong(f"There is no condition {kind!r}. Known: {', '.join(READERS)}.")
    return READERS[kind](value, depth)


def compile_pattern(value: Any) -> Any:
    """Compile a regular expression by re2: linear time, so no pattern can hang a decision.

    :raises ValidationError: if it is none
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATTERN:
        raise wrong(f"A pattern is a text of 1 to {LONGEST_PATTERN} characters.")
    try:
        return re2.compile(value, pattern_options())
    except re2.error as error:
        raise wrong(
            f"{value!r} is no pattern for re2 ({error}); look-around and back-references do not exist there."
        ) from error


def pattern_options(memory: int = 1 << 20) -> Any:
    """Return how patterns are compiled, with that much memory, in bytes."""
    options = re2.Options()
    options.log_errors, options.max_mem, options.case_sensitive = False, memory, False
    return options


def _words(value: Any, what: str) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words) or not words:
        raise wrong(f"{what} is a word or a list of words, and not empty.")
    return [word.strip().casefold() for word in words]


def _keyword(value: Any, depth: int) -> Condition:
    """Whole words: "prefix" is no "fix"; a phrase is its words in a row; each may have a weight of its own."""
    weights = _weighed(value) if isinstance(value, dict) else dict.fromkeys(_words(value, "keyword"), 1.0)
    phrases = {" ".join(WORD.findall(word)): weight for word, weight in weights.items()}
    if not all(phrases):
        raise ValidationError("A keyword needs at least one letter or digit.")
    padded = [(f" {phrase} ", weight) for phrase, weight in phrases.items()]

    def match(seen: Seen) -> float:
        missed = 1.0
        for phrase, weight in padded:
            missed *= 1 - weight * (phrase in seen.joined)
        return 1 - missed

    return Condition(match, frozenset(phrase.split()[0] for phrase in phrases))


def _weighed(value: Mapping[Any, Any]) -> dict[str, float]:
    words = _words(list(value), "keyword")
    if not all(type(weight) in (int, float) and 0 < weight <= 1 for weight in value.values()):
        raise wrong("The weight of a keyword is above 0 and at most 1.")
    return dict(zip(words, map(float, value.values()), strict=True))


def _tag(value: Any, depth: int) -> Condition:
    """Any of the tags; `*` stands for any letters."""
    globs, tags = _tags(value, "tag")
    triggers = None if globs else frozenset(f"#{tag}" for tag in tags)
    return Condition(lambda seen: float(_carries(seen, tags, globs)), triggers)


def _all_tags(value: Any, depth: int) -> Condition:
    globs, tags = _tags(value, "all_tags")

    def match(seen: Seen) -> float:
        return float(tags.issubset(seen.task.tags) and all(_carries(seen, set(), [glob]) for glob in globs))

    return Condition(match, frozenset({f"#{min(tags)}"}) if tags else None)


def _no_tags(value: Any, depth: int) -> Condition:
    globs, tags = _tags(value, "no_tags")
    return Condition(lambda seen: float(not _carries(seen, tags, globs)), None)


def _tags(value: Any, what: str) -> tuple[list[str], set[str]]:
    """Return the tags with a `*`, and the others."""
    words = _words(value, what)
    return [word for word in words if "*" in word], {normalise_tag(word) for word in words if "*" not in word}


def _carries(seen: Seen, tags: set[str], globs: list[str]) -> bool:
    carried = seen.task.tags
    return not tags.isdisjoint(carried) or any(fnmatchcase(tag, glob) for glob in globs for tag in carried)


def _priority(value: Any, depth: int) -> Condition:
    wanted = set(_words(value, "priority"))
    if wanted - set(PRIORITIES):
        raise wrong(f"A priority is one of {', '.join(PRIORITIES)}.")
    return Condition(lambda seen: float(seen.task.priority in wanted), frozenset(f"!{priority}" for priority in wanted))


def _requester(value: Any, depth: int) -> Condition:
    wanted = set(_words(value, "requester"))
    return Condition(
        lambda seen: float(seen.task.requester.casefold() in wanted), frozenset(f"@{name}" for name in wanted)
    )


def _pattern(value: Any, depth: int) -> Condition:
    """A regular expression, found anywhere in title and description."""
    compiled = compile_pattern(value)
    return Condition(lambda seen: float(compiled.search(seen.text) is not None), frozenset({PATTERN + value}))


NUMBERS: dict[str, Callable[[TaskView], float | None]] = {
    "days_left": lambda task: task.days_left,
    "effort_hours": lambda task: task.effort_hours,
    "tags": lambda task: len(task.tags),
    "skills": lambda task: len(task.required),
    "length": lambda task: len(task.title) + len(task.description),
    "priority": lambda task: PRIORITIES.index(task.priority),
}
TEXTS: dict[str, Callable[[TaskView], str | None]] = {
    "source": lambda task: task.source,
    "platform": lambda task: task.platform,
    "owner": lambda task: task.owner,
    "velocity": lambda task: task.velocity,
    "executor_preference": lambda task: task.executor_preference,
    "conversation": lambda task: task.conversation,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "above": lambda one, other: one > other,
    "at_least": lambda one, other: one >= other,
    "below": lambda one, other: one < other,
    "at_most": lambda one, other: one <= other,
}


def _field(value: Any, depth: int) -> Condition:
    """A field of the task, compared; what the task does not say matches nothing."""
    if not isinstance(value, dict) or len(value) != 1:
        raise wrong(f"`field` has one key, one of: {', '.join((*NUMBERS, *TEXTS))}.")
    ((name, wanted),) = value.items()
    if name in NUMBERS and isinstance(wanted, dict) and wanted:
        return _number(NUMBERS[name], name, wanted)
    if name in TEXTS and not isinstance(wanted, dict):
        words, read = set(_words(wanted, f"field {name}")), TEXTS[name]
        return Condition(lambda seen: float((read(seen.task) or "").casefold() in words), None)
    if name in NUMBERS:
        raise wrong(f"Compare {name} by one or more of {', '.join(COMPARISONS)}, like {{below: 3}}.")
    if name in TEXTS:
        raise wrong(f"{name} is a text: name one or a list of them.")
    raise wrong(f"There is no field {name!r}. Known: {', '.join((*NUMBERS, *TEXTS))}.")


def _number(read: Callable[[TaskView], float | None], name: str, wanted: Mapping[str, Any]) -> Condition:
    bounds = {how: _bound(name, bound) for how, bound in wanted.items()}
    if unknown := sorted(str(how) for how in set(bounds) - set(COMPARISONS)):
        raise wrong(f"There is no comparison {unknown[0]!r}. Known: {', '.join(COMPARISONS)}.")

    def match(seen: Seen) -> float:
        number = read(seen.task)
        return float(number is not None and all(COMPARISONS[how](number, bound) for how, bound in bounds.items()))

    return Condition(match, None)


def _bound(name: str, bound: Any) -> float:
    if name == "priority" and bound in PRIORITIES:
        return float(PRIORITIES.index(bound))
    if name == "priority" or type(bound) not in (int, float):
        raise wrong(f"{name} is compared with {'a priority' if name == 'priority' else 'a number'}.")
    return float(bound)


def _several(value: Any, depth: int, kind: str) -> list[Condition]:
    if not isinstance(value, list) or not value:
        raise wrong(f"`{kind}` is a list of conditions, and not empty.")
    return [read_condition(item, depth + 1) for item in value]


def _all(value: Any, depth: int) -> Condition:
    parts = _several(value, depth, "all")
    found = [part.triggers for part in parts if part.triggers is not None]
    return Condition(lambda seen: min(part.match(seen) for part in parts), min(found, key=_rarity) if found else None)


def _rarity(triggers: frozenset[str]) -> tuple[bool, int]:
    """Order by what is worth looking for: nearly every task has one of four priorities."""
    return any(key.startswith("!") for key in triggers), len(triggers)


def _any(value: Any, depth: int) -> Condition:
    parts = _several(value, depth, "any")
    found = [part.triggers for part in parts]
    triggers = None if None in found else frozenset().union(*(keys for keys in found if keys))
    return Condition(lambda seen: max(part.match(seen) for part in parts), triggers)


def _not(value: Any, depth: int) -> Condition:
    part = read_condition(value, depth + 1)
    return Condition(lambda seen: 1 - part.match(seen), None)


READERS: dict[str, Callable[[Any, int], Condition]] = {
    "keyword": _keyword, "tag": _tag, "all_tags": _all_tags, "no_tags": _no_tags, "priority": _priority,
    "requester": _requester, "field": _field, "pattern": _pattern, "all": _all, "any": _any, "not": _not,
}  # fmt: skip
