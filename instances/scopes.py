"""What each scope does with work: pure rules, one small class a scope behind one interface.

Nothing here reads rows: whoever asks brings the `Facts` of an instance, or the seats on its path to the root.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

DEFAULT_COMPLEXITY = 7.0
FULL = "has all the work it may take at a time"


class Seat(Protocol):
    """An instance as its place in the tree tells it."""

    pk: str
    scope: str


@dataclass(frozen=True)
class Facts:
    """An instance as its scope judges it: effective settings, load, the task in question, and the hour."""

    now: datetime
    open_tasks: int = 0
    children: int = 0  # living ones that take work
    complexity: float | None = None  # of the task, 1 to 10
    owner: str | None = None
    members: frozenset[str] = field(default_factory=frozenset)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    peer: str | None = None
    max_concurrent_tasks: int | None = None
    auto_delegate: bool = True
    complexity_threshold: float = DEFAULT_COMPLEXITY

    @classmethod
    def of(cls, settings: Mapping[str, Any], **load: Any) -> Self:
        """Read what a scope judges by from effective settings; `load` is what they cannot tell."""
        window, peer = settings.get("window", {}), settings.get("peer", {})
        return cls(
            owner=settings.get("owner"), members=frozenset(settings.get("members", ())), peer=peer.get("url"),
            starts_at=moment(window, "starts_at"), ends_at=moment(window, "ends_at"),
            max_concurrent_tasks=settings.get("max_concurrent_tasks"),
            auto_delegate=settings.get("auto_delegate", True),
            complexity_threshold=settings.get("complexity_threshold", DEFAULT_COMPLEXITY), **load,
        )  # fmt: skip

    @property
    def is_full(self) -> bool:
        return self.max_concurrent_tasks is not None and self.open_tasks >= self.max_concurrent_tasks

    @property
    def is_complex(self) -> bool:
        return self.complexity is not None and self.complexity >= self.complexity_threshold


def moment(window: Mapping[str, Any], name: str) -> datetime | None:
    """Return when a checked window begins or ends."""
    return datetime.fromisoformat(window[name]) if window.get(name) else None


def complexity_of(effort: timedelta, *, skills: int = 0) -> float:
    """Return how complex a task is, 1 to 10: one more for each doubling of an hour and each skill after the first."""
    hours = max(1.0, effort / timedelta(hours=1))
    return min(10.0, 1 + math.log2(hours) + max(0, skills - 1))


class ScopeRules:
    """What an instance may do with work; a scope overrides where it differs."""

    name: str
    sits_under: frozenset[str | None]  # None: at the root
    keeps_content = False  # what came in stays in the branch
    executes = True  # here, by whoever claims
    delegates = True  # to what is below
    has_door = False  # that may be closed to a task

    def why_not_execute(self, facts: Facts) -> str | None:
        """Return why the instance cannot work on a task itself, or None if it can."""
        return FULL if facts.is_full else None

    def should_delegate(self, facts: Facts) -> bool:
        """Tell whether a task is better handed down than worked on here."""
        return False

    def why_not_receive(self, facts: Facts, *, sender: str) -> str | None:
        """Return why no new task of the sender may come in, or None if it may."""
        return None

    def may_be_held_by(self, who: str, facts: Facts) -> bool:
        """Tell whether this person or program may hold the work here and read it."""
        return True

    def hands_back(self, facts: Facts) -> bool:
        """Tell whether what is left has to go back to routing now."""
        return False


class Global(ScopeRules):
    """Where work arrives: it hands everything down and never executes."""

    name = "GLOBAL"
    sits_under = frozenset({None})
    executes = False

    def why_not_execute(self, facts: Facts) -> str | None:
        return "is GLOBAL, and hands work down instead of executing it"

    def should_delegate(self, facts: Facts) -> bool:
        return facts.auto_delegate and facts.children > 0


class Project(ScopeRules):
    """Executes what is simple while it has room, and hands down what is complex or too much."""

    name = "PROJECT"
    sits_under = frozenset({None, "GLOBAL", "PROJECT", "FEDERATED"})

    def should_delegate(self, facts: Facts) -> bool:
        return facts.auto_delegate and facts.children > 0 and (facts.is_complex or facts.is_full)


class Orchestration(ScopeRules):
    """The end of the line: executes, and never delegates."""

    name = "ORCHESTRATION"
    sits_under = frozenset({"PROJECT", "PERSONAL", "EVENT"})
    delegates = False


class Personal(ScopeRules):
    """One person's own: only the owner sends and holds work, and nothing of it leaves the branch."""

    name = "PERSONAL"
    has_door = True
    sits_under = frozenset({None, "GLOBAL", "FAMILY"})
    keeps_content = True

    def why_not_receive(self, facts: Facts, *, sender: str) -> str | None:
        return None if self.may_be_held_by(sender, facts) else "takes work from its owner only"

    def may_be_held_by(self, who: str, facts: Facts) -> bool:
        return facts.owner is not None and name_of(who) == facts.owner


class Family(ScopeRules):
    """Shared by its members; while none are named, by everybody."""

    name = "FAMILY"
    has_door = True
    sits_under = frozenset({None, "GLOBAL"})

    def why_not_receive(self, facts: Facts, *, sender: str) -> str | None:
        return None if self.may_be_held_by(sender, facts) else "takes work from its members only"

    def may_be_held_by(self, who: str, facts: Facts) -> bool:
        return not facts.members or name_of(who) in facts.members


class Event(ScopeRules):
    """Open for a window of time; hands back what is left at its end."""

    name = "EVENT"
    has_door = True
    sits_under = frozenset({None, "GLOBAL", "PROJECT", "FAMILY"})

    def why_not_execute(self, facts: Facts) -> str | None:
        return self._why_closed(facts) or super().why_not_execute(facts)

    def why_not_receive(self, facts: Facts, *, sender: str) -> str | None:
        return self._why_closed(facts)

    def hands_back(self, facts: Facts) -> bool:
        return facts.ends_at is not None and facts.now >= facts.ends_at

    def _why_closed(self, facts: Facts) -> str | None:
        if facts.starts_at and facts.now < facts.starts_at:
            return f"opens at {facts.starts_at:%Y-%m-%d %H:%M %Z}"
        return f"ended at {facts.ends_at:%Y-%m-%d %H:%M %Z}" if self.hands_back(facts) else None


class Federated(ScopeRules):
    """Speaks for a peer: takes work once it knows the peer, and executes none of it here."""

    name = "FEDERATED"
    has_door = True
    sits_under = frozenset({None, "GLOBAL"})
    executes = False

    def why_not_execute(self, facts: Facts) -> str | None:
        return "speaks for a peer, which executes instead"

    def why_not_receive(self, facts: Facts, *, sender: str) -> str | None:
        return None if facts.peer else "knows no peer yet: set config.peer"


SCOPES: dict[str, ScopeRules] = {
    scope.name: scope for scope in (Global(), Project(), Orchestration(), Personal(), Family(), Event(), Federated())
}


def name_of(holder: str) -> str:
    """Return who holds a lease: `ada/laptop` is ada."""
    return holder.partition("/")[0]


def what_keeps(source: Sequence[Seat], target: Sequence[Seat]) -> Seat | None:
    """Return the seat whose content may not go from the one place to the other, or None if it may.

    Both are paths, the places themselves included: work below a PERSONAL instance belongs to it.
    """
    reached = {seat.pk for seat in target}
    return next((seat for seat in source if SCOPES[seat.scope].keeps_content and seat.pk not in reached), None)
