"""Written rules: read, compiled and matched; the format is in docs/routing-rules.md.

A rule that votes with weight w says: "when I match, I am right w of the time". Several votes for one place
add up as `1 − Π(1 − wᵢ·mᵢ)` (noisy-or; routing.md 3). Rules are found by what they need, so that a thousand of them
cost little more than those that can match.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2
from django.core.exceptions import ValidationError

from hopper.common.errors import wrong
from hopper.common.fields import normalise_levels, normalise_tag
from routing.policy.conditions import PATTERN, Condition, Seen, pattern_options, read_condition
from routing.policy.types import PRIORITIES, Changes, TaskView

MEMORY_OF_PATTERNS = 64 << 20  # bytes, for all patterns of a book together


@dataclass(frozen=True)
class Rule:
    """When the condition matches: vote for a project, forbid it, ask a person, or change the task."""

    name: str
    when: Condition
    project: str | None = None
    weight: float = 0.8
    forbid: bool = False
    review: bool = False
    changes: Changes = field(default_factory=Changes)


@dataclass(frozen=True)
class Verdict:
    """What the rules say of one task."""

    votes: Mapping[str, float] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)
    review: str | None = None
    hits: Mapping[str, list[str]] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    changed_by: tuple[str, ...] = ()


class RuleBook:
    """Compiled rules, indexed by what they need."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.always = [n for n, rule in enumerate(self.rules) if rule.when.triggers is None]
        self.by_trigger: dict[str, list[int]] = {}
        for number, rule in enumerate(self.rules):
            for key in rule.when.triggers or ():
                self.by_trigger.setdefault(key, []).append(number)
        self.patterns = [key for key in self.by_trigger if key.startswith(PATTERN)]
        self._set = _compiled(self.patterns)

    def judge(self, task: TaskView, *, without: str | None = None) -> Verdict:
        """Match every rule that can match, in order, but for those of that name."""
        if not self.rules:
            return Verdict()
        seen = Seen(task)
        misses: dict[str, float] = {}
        forbidden: dict[str, str] = {}
        hits: dict[str, list[str]] = {}
        changed_by: list[str] = []
        review, changes = None, Changes()
        for number in self._possible(seen):
            rule = self.rules[number]
            degree = rule.when.match(seen)
            if degree <= 0 or rule.name == without:
                continue
            if rule.changes:
                changes, changed_by = changes.joined(rule.changes), [*changed_by, rule.name]
            if rule.review:
                review = review or rule.name
            elif rule.forbid and rule.project:
                forbidden[rule.project] = rule.name
            elif rule.project:
                misses[rule.project] = misses.get(rule.project, 1.0) * (1 - rule.weight * degree)
                hits.setdefault(rule.project, []).append(rule.name)
        votes = {project: 1 - miss for project, miss in misses.items()}
        return Verdict(votes, forbidden, review, hits, changes, tuple(changed_by))

    @property
    def tags(self) -> list[str]:
        """The tags that rules look for."""
        return sorted(key[1:] for key in self.by_trigger if key.startswith("#"))

    def _possible(self, seen: Seen) -> list[int]:
        keys = seen.keys & self.by_trigger.keys()
        if self._set:
            keys |= {self.patterns[number] for number in self._set.Match(seen.text) or ()}
        return sorted(set(self.always).union(*(self.by_trigger[key] for key in keys)))


def _compiled(patterns: list[str]) -> Any:
    """Return one automaton that finds which of the patterns are in a text, or None without any."""
    if not patterns:
        return None
    found = re2.Set.SearchSet(pattern_options(MEMORY_OF_PATTERNS))
    for pattern in patterns:
        found.Add(pattern.removeprefix(PATTERN))
    found.Compile()
    return found


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


KNOWN = {"name", "when", "project", "weight", "forbid", "review", "set"}


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
    changes = _read_changes(entry.get("set"))
    if not isinstance(project, str | None) or (project and review) or not (project or review or changes):
        raise ValidationError("A rule names a project, or says review: true, or says what to set.")
    return Rule(name, read_condition(entry.get("when")), project, float(weight), forbid, review, changes)


def _read_changes(data: Any) -> Changes:
    if data is None:
        return Changes()
    if not isinstance(data, dict) or not data or set(data) - {"priority", "tags", "require"}:
        raise wrong("`set` has one or more of the keys priority, tags, require.")
    priority, tags, require = data.get("priority"), data.get("tags", []), data.get("require", {})
    if priority is not None and priority not in PRIORITIES:
        raise wrong(f"A priority is one of {', '.join(PRIORITIES)}.")
    tags = [tags] if isinstance(tags, str) else tags
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.strip() for tag in tags):
        raise wrong("`set: tags` is a tag or a list of tags.")
    return Changes(priority, tuple(normalise_tag(tag) for tag in tags), normalise_levels(require))
