"""Policy files: YAML (JSON is YAML too) in, with the place of every fault, and YAML out.

What is read is plain data: no tags, no anchors and aliases, no dates; of YAML's words only null, true and false,
as YAML 1.1 spells them. Comments are not kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hopper.common.errors import Invalid
from hopper.common.rest.parsers import unstorable
from routing.policy.rules import KNOWN, try_rules

LONGEST_FILE = 512 * 1024  # characters
DEEPEST = 40
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}
WORD = "tag:yaml.org,2002:str"
SHAPE = "A policy file is a list of rules, or has the keys rules, weights, thresholds."

Path = tuple[str | int, ...]
Fault = tuple[Path, str]


class _Loader(yaml.CSafeLoader):
    """Reads what JSON could say; a date, `<<` and `=` are texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in found if tag in PLAIN]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.CSafeDumper):
    """Writes everything out, where PyYAML would point to what it has written before."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class PolicyFile:
    """What stands in a file, and the line and column (from 1) of each part of it by its path."""

    content: dict[str, Any]
    marks: Mapping[Path, tuple[int, int]] = field(default_factory=dict)

    def sentence(self, fault: Fault) -> str:
        """Return the fault with the place of the innermost part that its path knows."""
        path, text = fault
        while path and path not in self.marks:
            path = path[:-1]
        return _placed(*self.marks.get(path, (1, 1)), text)


def read_file(text: str) -> PolicyFile:
    """Read the text of a policy file; what its rules say is not looked at.

    :raises Invalid: naming the line and column of what is no plain YAML, or has another shape
    """
    if len(text) > LONGEST_FILE:
        raise _refusal(1, 1, f"the file is over {LONGEST_FILE // 1024} KB: split the policy, or write fewer rules.")
    if fault := unstorable(text):
        raise _refusal(1, 1, fault)
    marks: dict[Path, tuple[int, int]] = {}
    try:
        _check_events(text)
        data = _read_nodes(text, marks)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refusal(*where, f"this is no YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise _refusal(1, 1, f"this is no YAML: {str(error).splitlines()[0]}.") from error
    if isinstance(data, list):
        return PolicyFile({"rules": data}, {("rules", *path): mark for path, mark in marks.items()})
    if not isinstance(data, dict):
        raise _refusal(1, 1, SHAPE)
    return PolicyFile(data, marks)


def write_file(content: Mapping[str, Any], *, heading: str = "") -> str:
    """Return the content as YAML that `read_file` reads back as the same, under a comment."""
    text: str = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# {' '.join(heading.split())}\n{text}" if heading else text


def rule_faults(rules: Any) -> Iterator[Fault]:
    """Yield the fault of each rule that cannot be read, with the path to the part that is to blame."""
    for number, text in try_rules(rules)[1]:
        yield ("rules", number, *_to_blame(rules[number])), text


def _check_events(text: str) -> None:
    """Refuse, before anything is built, what could grow or name code."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(event, "an anchor or alias (& or *) is not allowed: write it out, or put it in quotes.")
        if tag := getattr(event, "tag", None):
            raise _refused(event, f"a tag ({tag[:60]}) is not allowed: leave it out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _refused(event, f"this is nested deeper than {DEEPEST} levels.")


def _read_nodes(text: str, marks: dict[Path, tuple[int, int]]) -> Any:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return None if root is None else _read_node(loader, root, (), marks)
    finally:
        loader.dispose()


def _read_node(loader: Any, node: Any, path: Path, marks: dict[Path, tuple[int, int]]) -> Any:
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_read_node(loader, item, (*path, number), marks) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_read_entry(loader, key, value, path, marks) for key, value in node.value)
    return _read_scalar(loader, node)


def _read_entry(loader: Any, key: Any, value: Any, path: Path, marks: dict[Path, tuple[int, int]]) -> tuple[str, Any]:
    if key.tag != WORD:
        raise _refused(key, "a key is a word: put it in quotes.")
    name, inside = _read_scalar(loader, key), (*path, key.value)
    if inside in marks:
        raise _refused(key, f"the key {name[:60]!r} stands twice here: the first is on line {marks[inside][0]}.")
    marks[inside] = (key.start_mark.line + 1, key.start_mark.column + 1)
    return name, _read_node(loader, value, inside, marks)


def _read_scalar(loader: Any, node: Any) -> Any:
    try:
        value = loader.construct_object(node)
    except (ValueError, OverflowError) as error:
        raise _refused(node, "this number cannot be read: shorten it, or put it in quotes.") from error
    if isinstance(value, str) and (fault := unstorable(value)):
        raise _refused(node, fault)
    return value


def _to_blame(entry: Any) -> Path:
    """Return the path, within a rule that cannot be read, to the part without which its fault is another."""
    if not isinstance(entry, dict):
        return ()
    unknown = [key for key in entry if key not in KNOWN]
    if unknown:
        return (unknown[0],)
    if "when" in entry and not _is_condition(entry["when"]):
        return ("when", *_to_blame_in(entry["when"]))
    named = {**entry, "name": "it"}
    said = try_rules([named])[1]
    if not said:
        return ("name",)
    others = (key for key in entry if key not in ("when", "name"))
    return next(((key,) for key in others if try_rules([_without(named, key)])[1] != said), ())


def _to_blame_in(condition: Any) -> Path:
    """Return the path to the innermost condition that cannot be read."""
    if not isinstance(condition, dict) or len(condition) != 1:
        return ()
    ((kind, value),) = condition.items()
    if kind == "not":
        return (kind, *_to_blame_in(value))
    if kind in ("all", "any") and isinstance(value, list):
        for number, part in enumerate(value):
            if not _is_condition(part):
                return (kind, number, *_to_blame_in(part))
    return (kind,)


def _is_condition(value: Any) -> bool:
    return not try_rules([{"name": "it", "when": value, "project": "there"}])[1]


def _without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def _refused(part: Any, text: str) -> Invalid:
    return _refusal(part.start_mark.line + 1, part.start_mark.column + 1, text)


def _refusal(line: int, column: int, text: str) -> Invalid:
    return Invalid({"yaml": [_placed(line, column, text)]})


def _placed(line: int, column: int, text: str) -> str:
    return f"Line {line}, column {column}: {text}"
