"""What a decision is made of: plain values in, plain values out."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from instances.scopes import Facts, ScopeRules
from routing.policy.calibration import OPEN, Gate

Floats = NDArray[np.float64]
PRIORITIES = ("low", "medium", "high", "urgent")
NAME_WORD = re.compile(r"[^\W_]+")
SHORTEST_NAME_WORD = 4  # "the", "app" and "new" stand in names of projects and in tasks of all others
SPEED = {"fast": 1.0, "medium": 3.0, "slow": 10.0, "glacial": 30.0}  # usual days until done


def text_of(title: str, description: str | None, tags: Sequence[str]) -> str:
    """Return the text of a task that is learned from; tags stand before the description, as long texts are cut."""
    return f"{title}\n{', '.join(tags)}\n{description or ''}"


@dataclass(frozen=True)
class TaskView:
    """A task as routing sees it; `days_left` is the time until it is due, in days."""

    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    required: Mapping[str, int] = field(default_factory=dict)
    priority: str = "medium"
    requester: str = ""
    project: str | None = None
    instance: str | None = None
    executor_preference: str | None = None
    velocity: str | None = None
    days_left: float | None = None
    passed_over: tuple[str, ...] = ()
    id: str = ""
    source: str = ""
    platform: str | None = None
    owner: str | None = None
    conversation: str | None = None
    effort_hours: float | None = None
    at: float = 0.0  # when it is decided, in seconds since 1970

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    @cached_property
    def text(self) -> str:
        """The text that is learned from."""
        return text_of(self.title, self.description, self.tags)

    @property
    def digest(self) -> str:
        """What the description is known by where it is not kept: 64 bits of its SHA-256, in hex."""
        return hashlib.sha256(self.description.encode("utf-8", "replace")).hexdigest()[:16]

    def as_seen(self) -> dict[str, Any]:
        """Return what is kept of the task: JSON values, and of the description the digest."""
        return asdict(self) | {"description": self.digest}

    @classmethod
    def seen_with(cls, seen: Mapping[str, Any], description: str | None) -> "TaskView | None":
        """Return the task that was kept, if this is the description that it had."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in seen.items()}
        task = cls(**values | {"description": description or ""})
        return task if seen["description"] == task.digest else None


@dataclass(frozen=True)
class Changes:
    """What rules make of a task before anybody is asked: a priority, more tags, more required skills."""

    priority: str | None = None
    tags: tuple[str, ...] = ()
    require: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.priority or self.tags or self.require)

    def joined(self, other: "Changes") -> "Changes":
        """Return both together: the higher priority, all tags, the higher level of each skill."""
        ranks = [PRIORITIES.index(one.priority) for one in (self, other) if one.priority]
        skills = {skill: max(self.require.get(skill, 0), level) for skill, level in other.require.items()}
        return Changes(PRIORITIES[max(ranks)] if ranks else None, (*self.tags, *other.tags), {**self.require, **skills})

    def made_to(self, task: TaskView) -> TaskView:
        """Return the task as it is with the changes; nothing that it asks for is lowered."""
        required = {**task.required}
        for skill, level in self.require.items():
            required[skill] = max(level, required.get(skill, 0))
        tags = tuple(dict.fromkeys((*task.tags, *self.tags)))
        return replace(task, priority=self.priority or task.priority, tags=tags, required=required)


@dataclass(frozen=True)
class Door:
    """An instance on the way from the root to a candidate, which may not let every task in."""

    rules: ScopeRules
    facts: Facts

    def why_closed(self, task: "TaskView") -> str | None:
        """Return why the task may not come in, or None if it may."""
        return self.rules.why_not_receive(replace(self.facts, now=task.moment), sender=task.requester)


@dataclass(frozen=True)
class Candidate:
    """A destination as routing sees it; `inactive` says why it takes nothing, if it does not.

    `doors` are those of its way that may be closed to a task, and `path` the instances of that way, its own first.
    """

    project: str
    instance: str | None = None
    capabilities: Mapping[str, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    executor_type: str = "human"
    velocity: str = "medium"
    completion_days: float | None = None
    capacity: int | None = None
    boost: Mapping[str, float] = field(default_factory=dict)
    inactive: str | None = None
    gate: Gate = OPEN
    doors: tuple[Door, ...] = ()
    path: tuple[str, ...] = ()

    def why_closed(self, task: TaskView) -> str | None:
        """Return why the task may not come in, or None if it may."""
        return next((why for door in self.doors if (why := door.why_closed(task))), None)


class Roster:
    """Every candidate, with its columns as arrays, so that a factor is one array operation.

    `closed` says of each instance that takes no work why not.
    """

    def __init__(self, candidates: Sequence[Candidate], closed: Mapping[str, str] | None = None) -> None:
        self.candidates = tuple(candidates)
        self.closed = closed or {}
        self.index = {candidate.project: number for number, candidate in enumerate(self.candidates)}
        self.names = [candidate.project for candidate in self.candidates]
        self.executors = np.array([candidate.executor_type for candidate in self.candidates])
        self.capacity = np.array([np.inf if c.capacity is None else c.capacity for c in self.candidates], float)
        self.inactive = [n for n, candidate in enumerate(self.candidates) if candidate.inactive]
        self.guarded = [n for n, candidate in enumerate(self.candidates) if candidate.doors]
        self.boosted = [n for n, candidate in enumerate(self.candidates) if candidate.boost]

        self._places: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self.candidates)

    def places(self, projects: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the number of each project among the candidates, -1 for one that is none; kept for the last asked."""
        if projects not in self._places:
            self._places = {projects: np.array([self.index.get(name, -1) for name in projects], np.int64)}
        return self._places[projects]

    def below(self, instance: str) -> NDArray[np.bool_]:
        """Return which candidates the instance serves, itself or by what is below it."""
        return np.array([instance in candidate.path for candidate in self.candidates], bool)

    @cached_property
    def levels(self) -> dict[str, NDArray[np.int8]]:
        """The level of every candidate by skill, 0 where it is not claimed."""
        found: dict[str, NDArray[np.int8]] = {}
        for number, candidate in enumerate(self.candidates):
            for skill, level in candidate.capabilities.items():
                found.setdefault(skill, np.zeros(len(self), np.int8))[number] = level
        return found

    @cached_property
    def usual_days(self) -> Floats:
        """The days that each candidate promises or usually takes."""
        return np.array([c.completion_days or SPEED.get(c.velocity, SPEED["medium"]) for c in self.candidates], float)

    @cached_property
    def mentions(self) -> dict[str, list[int]]:
        """The candidates by each word they describe themselves with: names and the words in them, skills and tags."""
        found: dict[str, list[int]] = {}
        for number, candidate in enumerate(self.candidates):
            name = candidate.project.casefold()
            parts = {word for word in NAME_WORD.findall(name) if len(word) >= SHORTEST_NAME_WORD}
            for word in {name, *parts, *candidate.capabilities, *candidate.tags}:
                found.setdefault(word, []).append(number)
        return found


@dataclass(frozen=True)
class Say:
    """What one strategy says of every candidate.

    `scores` are in [0, 1] and are what people see; `odds` are log-odds that are added up. `reason` explains
    one candidate, by its number, and is asked only for those that are shown.
    """

    factor: str
    scores: Floats
    odds: Floats
    reason: Callable[[int], str | None]
    speaks: bool = True


class Strategy(Protocol):
    """A way to score candidates."""

    def weigh(self, task: TaskView, roster: Roster) -> Say | None:
        """Score every candidate, or return None when there is nothing to say."""
        ...


@dataclass(frozen=True)
class Ranked:
    """One candidate with its share of the probability, its factor scores and the reason for each."""

    project: str | None
    instance: str | None
    score: float
    factors: dict[str, float]
    why: dict[str, str]

    @property
    def reasons(self) -> list[str]:
        return list(self.why.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "project": self.project, "instance_id": self.instance, "score": round(self.score, 4),
            "factors": {name: round(score, 4) for name, score in self.factors.items()}, "reasons": self.reasons,
        }  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The answer: chosen or abstained, how sure, why, and what else was possible."""

    outcome: str
    confidence: float
    reasoning: str
    decided_by: str
    ranked: tuple[Ranked, ...] = ()
    filtered: Mapping[str, int] = field(default_factory=dict)
    threshold: float = 0.0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    tied: tuple[str, ...] = ()  # those that are as good as the best
    changes: Changes = field(default_factory=Changes)
    propensity: float = 1.0  # how likely this choice was, given all that is known

    @property
    def is_routed(self) -> bool:
        return self.outcome == "routed"

    @property
    def best(self) -> Ranked | None:
        return self.ranked[0] if self.ranked else None
