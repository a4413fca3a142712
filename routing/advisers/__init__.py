"""The port to those who are asked when Hopper cannot tell, and the one place that knows who is configured."""

import os
import threading
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

from routing.advisers.base import Advice, AdviceFailed, Adviser, Configuration, Option, Question, Usage, one_line
from routing.advisers.sage import Sage

if TYPE_CHECKING:
    from routing.advisers.llm import LLM

__all__ = [
    "Advice",
    "AdviceFailed",
    "Adviser",
    "Option",
    "Question",
    "Sage",
    "Usage",
    "get_llm",
    "in_order",
    "one_line",
]

ASKS = {"hybrid": ("llm", "sage"), "llm": ("llm",), "sage": ("sage",), "learned": (), "rules": ()}
_one_at_a_time = threading.Lock()


def in_order(*, patience: float | None = None) -> list[Adviser]:
    """Return who is asked one after the other: the cheap before the dear, each only if it is configured.

    `patience` is how many seconds a language model may take instead of the configured ones, in a single try.
    """
    known: dict[str, Adviser | None] = {
        "llm": get_llm(patience=patience), "sage": Sage(settings.SAGE[:100]) if settings.SAGE else None,
    }  # fmt: skip
    return [adviser for kind in ASKS[settings.ROUTING_STRATEGY] if (adviser := known[kind])]


def get_llm(*, patience: float | None = None) -> "LLM | None":
    """Return the configured language model, made once per process and configuration, or None."""
    wanted = Configuration.from_settings()
    if not wanted.model:
        return None
    if patience is not None:
        wanted = replace(wanted, timeout=min(patience, wanted.timeout), retries=0)
    with _one_at_a_time:
        return _make(os.getpid(), wanted)


@lru_cache(maxsize=8)
def _make(process: int, configuration: Configuration) -> "LLM":
    """Make the client; a forked process gets its own, as connections are not shared."""
    from routing.advisers.llm import LLM  # OpenAI's client takes a second to load and 60 MB: only where it is used

    return LLM(configuration)
