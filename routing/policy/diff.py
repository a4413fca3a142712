"""What differs between two versions of a policy: rules by their names, weights and thresholds by theirs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]
Rules = dict[tuple[str, int], Mapping[str, Any]]


def compare(before: Content, after: Content) -> dict[str, Any]:
    """Return the rules that were added, removed and changed, and `{name: [before, after]}` of the numbers.

    Rules of one name are told apart by which of them comes first; their order means nothing else.
    """
    old, new = _by_name(before.get("rules", ())), _by_name(after.get("rules", ()))
    shared = [key for key in new if key in old and old[key] != new[key]]
    return {
        "rules": {
            "added": [rule for key, rule in new.items() if key not in old],
            "removed": [rule for key, rule in old.items() if key not in new],
            "changed": [{"name": key[0], "changes": _values(old[key], new[key])} for key in shared],
        },
        "weights": _values(before.get("weights", {}), after.get("weights", {})),
        "thresholds": _values(before.get("thresholds", {}), after.get("thresholds", {})),
    }


def is_same(difference: Mapping[str, Any]) -> bool:
    """Tell whether two versions decide by the same."""
    return not (any(difference["rules"].values()) or difference["weights"] or difference["thresholds"])


def _by_name(rules: Sequence[Mapping[str, Any]]) -> Rules:
    seen: Counter[str] = Counter()
    found: Rules = {}
    for rule in rules:
        name = str(rule.get("name"))
        found[name, seen[name]] = rule
        seen[name] += 1
    return found


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = [*before, *(name for name in after if name not in before)]
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}
