"""What consolidation writes for people and programs outside: YAML, JSON and a log."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from projects.models import Project
from routing.learning.bounds import lower_bound
from routing.learning.record import FEWEST, Record, Shown
from routing.models import Pattern
from routing.operations.remembering import GLOBAL, read_attention
from routing.policy.view import DEFAULT_WEIGHTS, PolicyView

HEAD = "# Written by Hopper's consolidation: the next run overwrites what is changed here.\n"
LOG = "consolidation_log.md"
TITLE = "# What consolidation found, newest first\n"
MOST_TAGS = 5


def memory_files(
    *, patterns: Iterable[Pattern], projects: Iterable[Project], record: Record, policy: PolicyView
) -> dict[str, str]:
    """Return the files by name, without the log; the same rows give the same bytes."""
    patterns, projects = list(patterns), list(projects)
    return {
        "routing_patterns.yaml": _yaml([_pattern(row) for row in patterns if not row.is_anti_pattern]),
        "anti_patterns.yaml": _yaml([_pattern(row) for row in patterns if row.is_anti_pattern]),
        "project_strengths.yaml": _yaml({row.pk: _strengths(record, row.pk) for row in projects}),
        "temporal_patterns.yaml": _yaml({row.pk: _times(record, row.pk) for row in projects}),
        "capability_registry.yaml": _yaml({row.pk: _capabilities(record, row) for row in projects}),
        "attention_weights.json": json.dumps(_weights(policy), indent=2, sort_keys=True) + "\n",
    }


def with_entry(log: str, entry: str) -> str:
    """Return the log with one more entry, on top."""
    return f"{TITLE}\n{entry.strip()}\n{log.removeprefix(TITLE)}"


def _yaml(data: Any) -> str:
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if value}
    return HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _pattern(row: Pattern) -> dict[str, Any]:
    shown = {
        "name": row.name, "tags": row.tag_criteria, "words": row.text_criteria, "priority": row.priority_criteria,
        "project": row.target_project, "instance": row.target_instance, "confidence": round(row.confidence, 3),
        "source": row.source, "evidence": [_evidence(seen) for seen in row.evidence.all()],
    }  # fmt: skip
    return {name: value for name, value in shown.items() if value}


def _evidence(seen: Any) -> dict[str, Any]:
    return {"source": seen.source, "window": seen.window, "right": seen.successes, "wrong": seen.failures}


def _strengths(record: Record, project: str) -> list[dict[str, Any]]:
    """Return what the project gets right at least half the time, surest first."""
    shown = record.shown.get(project, {}).items()
    told = [{"skill": skill, **_told(seen)} for skill, seen in shown if seen.right + seen.wrong >= FEWEST]
    return sorted((row for row in told if row["at_least"] >= 0.5), key=lambda row: (-row["at_least"], row["skill"]))


def _told(seen: Shown) -> dict[str, Any]:
    at_least = round(lower_bound(seen.right, seen.right + seen.wrong), 3)
    return {"right": seen.right, "wrong": seen.wrong, "at_least": at_least}


def _times(record: Record, project: str) -> dict[str, Any]:
    times = record.busy_times(project)
    tags = sorted(record.tags.get(project, {}).items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_TAGS]
    return {"more_than_others": times, "usual_tags": [tag for tag, _ in tags]} if times else {}


def _capabilities(record: Record, project: Project) -> dict[str, Any]:
    shown = record.shown.get(project.pk, {})
    proven = {skill: _told(shown[skill]) for skill in sorted(project.capabilities) if skill in shown}
    total = record.total.get(project.pk)
    known = {"executor": project.executor_type, "claimed": dict(project.capabilities), "proven": proven}
    return {name: value for name, value in {**known, "overall": _told(total) if total else {}}.items() if value}


def _weights(policy: PolicyView) -> Mapping[str, Any]:
    return {
        "policy_version": policy.number,
        "threshold": policy.threshold,
        "weights": {name: policy.weight(name) for name in DEFAULT_WEIGHTS},
        "experts": {name: round(weight, 3) for name, weight in read_attention()[GLOBAL].items()},
    }
