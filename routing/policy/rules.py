"""Written rules: read, checked, compiled and matched; the format is in docs/routing-rules.md.

A rule that votes with weight w says: "when I match, I am right w of the time". Several votes for one place
add up as `1 − Π(1 − wᵢ·mᵢ)` (noisy-or; routing.md 3). Rules are found by the words and tags that they need, so
that a thousand of them cost little more than those that can match.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import re2
from django.core.exceptions import ValidationError

from hopper.common.errors import wrong
from hopper.common.fields import normalise_tag
from routing.policy.types import TaskView

WORD = re.compile(r"\w+")
LONGEST_PATTERN = 512
LONGEST_TEXT = 64_000
MOST_CONDITIONS = 8  # levels of and, or, not
PRIORITIES = ("low", "medium", "high", "urgent")

Triggers = frozenset[str] | None  # one of these words or `#tags` must be there; None: it can match anything


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
        return {*self.words, *(f"#{tag}" for tag in self.task.tags)}


@dataclass(frozen=True)
class Condition:
    """Something a task matches to a degree in [0, 1]."""

    match: Callable[[Seen], float]
    triggers: Triggers


@dataclass(frozen=True)
class Rule:
    """When the condition matches: vote for a project, forbid it, or ask a person."""

    name: str
    when: Condition
    project: str | None = None
    weight: float = 0.8
    forbid: bool = False
    review: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one task."""

    votes: Mapping[str, float] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)
    review: str | None = None
    hits: Mapping[str, list[str]] = field(default_factory=dict)


class RuleBook:
    """Compiled rules, indexed by what they need."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.always = [n for n, rule in enumerate(self.rules) if rule.when.triggers is None]
        self.by_trigger: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            for key in rule.when.triggers or ():
                self.by_trigger.setdefault(key, []).append(number)

    def judge(self, task: TaskView) -> Verdict:
        """Match every rule that can match, in order."""
        if not self.rules:
            return Verdict()
        seen = Seen(task)
        possible = set(self.always).union(*(self.by_trigger[key] for key in seen.keys & self.by_trigger.keys()))
        misses: dict[str, float] = {}
        forbidden: dict[str, str] = {}
        hits: dict[str, list[str]] = {}
        review = None
        for number in sorted(possible):
            rule = self.rules[number]
            degree = rule.when.match(seen)
            if degree <= 0:
                continue
            if rule.review:
                review = review or rule.name
            elif rule.forbid and rule.project:
                forbidden[rule.project] = rule.name
            elif rule.project:
                misses[rule.project] = misses.get(rule.project, 1.0) * (1 - rule.weight * degree)
                hits.setdefault(rule.project, []).append(rule.name)
        return Verdict({project: 1 - miss for project, miss in misses.items()}, forbidden, review, hits)


# -- reading


def read_rules(data: Any) -> list[Rule]:
    """Read rules from YAML or JSON values.

    :raises ValidationError: naming each rule that is wrong, and why
    """
    rules, faults = try_rules(data)
    if faults:
        raise ValidationError([wrong(text) for _, text in faults])
    return rules


def try_rules(data: Any) -> tuple[list[Rule], list[tuple[int, str]]]:
    """Return the rules that can be read, and the number (from 0) and fault of each that cannot.

    :raises ValidationError: if the data is no list
    """
    if not isinstance(data, list):
        raise ValidationError('Rules are a list, like [{"name": …, "when": {…}, "project": …}].')
    rules, faults = [], []
    for number, entry in enumerate(data):
        try:
            rules.append(_read_rule(entry))
        except ValidationError as error:
            name = entry.get("name", "") if isinstance(entry, dict) else ""
            faults.append((number, f"Rule {number + 1}{f' ({name})' if name else ''}: {' '.join(error.messages)}"))
    return rules, faults


KNOWN = {"name", "when", "project", "weight", "forbid", "review"}


def _read_rule(entry: Any) -> Rule:
    if not isinstance(entry, dict):
        raise ValidationError("A rule is an object.")
    unknown = sorted(str(key) for key in set(entry) - KNOWN)
    if unknown:
        raise wrong(f"There is no key {unknown[0]!r}. Known: {', '.join(sorted(KNOWN))}.")
    name, project, weight = entry.get("name"), entry.get("project"), entry.get("weight", 0.8)
    if not isinstance(name, str) or not name.strip():
        raise ValidationError("Give it a name: explanations show it.")
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= 1:
        raise ValidationError("A weight is above 0 and at most 1: how often the rule is right.")
    forbid, review = entry.get("forbid", False), entry.get("review", False)
    if not isinstance(forbid, bool) or not isinstance(review, bool):
        raise ValidationError("forbid and review are true or false, without quotes.")
    if review == bool(project) or not isinstance(project, str | None):
        raise ValidationError("A rule names a project, or says review: true.")
    return Rule(name, _read_condition(entry.get("when")), project, float(weight), forbid, review)


def _read_condition(data: Any, depth: int = 0) -> Condition:
    if depth > MOST_CONDITIONS:
        raise wrong(f"Conditions are nested deeper than {MOST_CONDITIONS} levels.")
    if not isinstance(data, dict) or len(data) != 1:
        raise wrong(f"`when` has one key, one of: {', '.join(READERS)}.")
    ((kind, value),) = data.items()
    if kind not in READERS:
        raise wrong(f"There is no condition {kind!r}. Known: {', '.join(READERS)}.")
    return READERS[kind](value, depth)


def _words(value: Any, what: str) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words) or not words:
        raise wrong(f"{what} is a word or a list of words, and not empty.")
    return [word.strip().casefold() for word in words]


def _keyword(value: Any, depth: int) -> Condition:
    """Whole words: "prefix" is no "fix"; a phrase is its words in a row."""
    phrases = [" ".join(WORD.findall(word)) for word in _words(value, "keyword")]
    if not all(phrases):
        raise ValidationError("A keyword needs at least one letter or digit.")
    padded = [f" {phrase} " for phrase in phrases]

    def match(seen: Seen) -> float:
        return float(any(phrase in seen.joined for phrase in padded))

    return Condition(match, frozenset(phrase.split()[0] for phrase in phrases))


def _tag(value: Any, depth: int) -> Condition:
    """Any of the tags."""
    tags = {normalise_tag(tag) for tag in _words(value, "tag")}
    return Condition(lambda seen: float(not tags.isdisjoint(seen.task.tags)), frozenset(f"#{tag}" for tag in tags))


def _all_tags(value: Any, depth: int) -> Condition:
    tags = {normalise_tag(tag) for tag in _words(value, "all_tags")}
    return Condition(lambda seen: float(tags.issubset(seen.task.tags)), frozenset({f"#{min(tags)}"}))


def _priority(value: Any, depth: int) -> Condition:
    wanted = set(_words(value, "priority"))
    if wanted - set(PRIORITIES):
        raise wrong(f"A priority is one of {', '.join(PRIORITIES)}.")
    return Condition(lambda seen: float(seen.task.priority in wanted), None)


def _requester(value: Any, depth: int) -> Condition:
    wanted = set(_words(value, "requester"))
    return Condition(lambda seen: float(seen.task.requester.casefold() in wanted), None)


def _pattern(value: Any, depth: int) -> Condition:
    """A regular expression by re2: linear time, so no pattern can hang a decision."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_PATTERN:
        raise wrong(f"A pattern is a text of 1 to {LONGEST_PATTERN} characters.")
    options = re2.Options()
    options.log_errors, options.max_mem, options.case_sensitive = False, 1 << 20, False
    try:
        compiled = re2.compile(value, options)
    except re2.error as error:
        raise wrong(
            f"{value!r} is no pattern for re2 ({error}); look-around and back-references do not exist there."
        ) from error
    return Condition(lambda seen: float(compiled.search(seen.text) is not None), None)


def _several(value: Any, depth: int, kind: str) -> list[Condition]:
    if not isinstance(value, list) or not value:
        raise wrong(f"`{kind}` is a list of conditions, and not empty.")
    return [_read_condition(item, depth + 1) for item in value]


def _all(value: Any, depth: int) -> Condition:
    parts = _several(value, depth, "all")
    found = [part.triggers for part in parts if part.triggers is not None]
    return Condition(lambda seen: min(part.match(seen) for part in parts), min(found, key=len) if found else None)


def _any(value: Any, depth: int) -> Condition:
    parts = _several(value, depth, "any")
    found = [part.triggers for part in parts]
    triggers = None if None in found else frozenset().union(*(keys for keys in found if keys))
    return Condition(lambda seen: max(part.match(seen) for part in parts), triggers)


def _not(value: Any, depth: int) -> Condition:
    part = _read_condition(value, depth + 1)
    return Condition(lambda seen: 1 - part.match(seen), None)


READERS: dict[str, Callable[[Any, int], Condition]] = {
    "keyword": _keyword, "tag": _tag, "all_tags": _all_tags, "priority": _priority, "requester": _requester,
    "pattern": _pattern, "all": _all, "any": _any, "not": _not,
}  # fmt: skip
