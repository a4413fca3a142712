"""What every adviser promises, and what is told to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.conf import settings

from hopper.common.errors import HopperError

LONGEST_REASON = 500
LONGEST_TITLE = 500
LONGEST_DESCRIPTION = 4_000
LONGEST_EXAMPLE = 200
MOST_EXAMPLES = 3


class AdviceFailed(HopperError):
    """The adviser gave no answer that can be used; `is_outage` tells that it is away as a whole."""

    code = "advice_failed"
    status = 503

    def __init__(self, message: str = "", *, is_outage: bool = False, **context: Any) -> None:
        super().__init__(message, **context)
        self.is_outage = is_outage


@dataclass(frozen=True)
class Option:
    """A candidate without its name; `examples` are titles of confirmed tasks of its that are near to this one."""

    key: str
    tags: tuple[str, ...] = ()
    capabilities: Mapping[str, int] = field(default_factory=dict)
    load: int = 0
    capacity: int | None = None
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.key, "tags": list(self.tags),
            "capabilities": dict(self.capabilities), "load": self.load, "capacity": self.capacity,
            "similar_tasks": [title[:LONGEST_EXAMPLE] for title in self.examples[:MOST_EXAMPLES]],
        }  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A task, and the places that it may go to: they have passed the hard filters."""

    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    required: Mapping[str, int] = field(default_factory=dict)
    priority: str = "medium"
    options: tuple[Option, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(option.key for option in self.options)

    def as_dict(self) -> dict[str, Any]:
        """Return what leaves Hopper: texts are cut, and no name of a place is among it."""
        task = {
            "title": self.title[:LONGEST_TITLE], "description": self.description[:LONGEST_DESCRIPTION],
            "tags": list(self.tags), "required_capabilities": dict(self.required), "priority": self.priority,
        }  # fmt: skip
        return {"task": task, "places": [option.as_dict() for option in self.options]}


@dataclass(frozen=True)
class Advice:
    """The key of an option, or None for "I cannot tell"; `reason` is the text of somebody else, never trusted."""

    option: str | None
    confidence: float
    reason: str = ""


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """Return the text of somebody else as one line without control characters, cut."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


@dataclass(frozen=True)
class Usage:
    """What a paid adviser was asked for; `dollars` (US) is an estimate, or None without a known price."""

    calls: int = 0
    tokens: int = 0
    dollars: float | None = 0.0


class Adviser(Protocol):
    """Somebody slow who is asked where a task belongs when Hopper cannot tell.

    `kind` is the factor that the answer becomes; `model` names whose record it goes to, in at most 100 characters.
    """

    kind: str
    model: str

    def advise(self, question: Question) -> Advice | None:
        """Return the answer, or None if it will come later, through the review.

        :raises AdviceFailed: if the adviser is away, refuses, or answers with anything but one of the options
        """
        ...

    def bound(self, question: Question) -> Usage:
        """Return the most that the question can cost."""
        ...

    def take_usage(self) -> Usage:
        """Return what was paid for since the last call, whether the answers were of use or not."""
        ...


@dataclass(frozen=True)
class Configuration:
    """The settings that the adapter looks at; equal ones share a client. Prices are dollars a million tokens."""

    model: str
    base_url: str
    api_key: str = field(repr=False)
    timeout: float
    prices: tuple[float, float] | None
    retries: int = 1

    @classmethod
    def from_settings(cls) -> "Configuration":
        """Read the settings of now, so that an override counts."""
        prices = settings.LLM_PRICES
        return cls(
            model=settings.LLM_MODEL, base_url=settings.LLM_BASE_URL, api_key=settings.LLM_API_KEY,
            timeout=settings.LLM_TIMEOUT,
            prices=(prices["in"], prices["out"]) if {"in", "out"} <= prices.keys() else None,
        )  # fmt: skip
