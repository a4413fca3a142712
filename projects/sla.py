"""What a project promises, and what shall happen by itself when a promise is in danger: plain values, no rows.

`{"response_time": "4h", "completion_time": "P2D", "escalation": [{"when": "waiting", "after": "2h", "do": "relax"}]}`
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from hopper.common.durations import check_duration, read_duration
from hopper.common.errors import wrong

PROMISES = ("response_time", "completion_time")
TRIGGERS = ("waiting", "queue", "due", "response", "completion")
ACTIONS = ("raise_priority", "relax", "reassign", "notify", "cancel")
WORDS = {"when", "after", "before", "longer_than", "do", "to", "every", "times"}
MOST_RULES = 20
MOST_TIMES = 20
USUAL_TIMES = 5  # a requirement has at most five levels to loosen
PRIORITIES = ("medium", "high", "urgent")
LONGEST_NAME = 100
LONGEST_RULE = 200


@dataclass(frozen=True)
class Rule:
    """One escalation. `offset` counts from what `when` names, `every` from there on; `longer_than` is a queue's."""

    when: str
    do: str
    offset: timedelta = timedelta()
    longer_than: int | None = None
    to: str = ""
    every: timedelta | None = None
    times: int = 1
    text: str = ""

    def __str__(self) -> str:
        return self.text

    def delay(self, step: int) -> timedelta:
        """Return how long after the moment that `when` names the step comes, the first being 0."""
        return self.offset + step * (self.every or timedelta())


@dataclass(frozen=True)
class Promises:
    """How soon work is started and completed, and the rules that watch over it."""

    response: timedelta | None = None
    completion: timedelta | None = None
    rules: tuple[Rule, ...] = ()

    def span(self, rule: Rule) -> timedelta | None:
        """Return the promise that the rule watches over, if it is one."""
        return {"response": self.response, "completion": self.completion}.get(rule.when)


def house_sla() -> dict[str, Any]:
    """Return what holds wherever a project names nothing itself; a bad setting holds nowhere (check hopper.E040)."""
    try:
        check_sla(settings.SLA)
    except ValidationError:
        return {}
    return settings.SLA


def read_promises(sla: Mapping[str, Any]) -> Promises:
    """Read a checked SLA."""
    response, completion = (read_duration(sla[name]) if name in sla else None for name in PROMISES)
    return Promises(response, completion, tuple(_read(entry) for entry in sla.get("escalation", ())))


def _read(entry: Mapping[str, Any]) -> Rule:
    ahead, behind = (read_duration(entry[word]) if word in entry else timedelta() for word in ("before", "after"))
    every = read_duration(entry["every"]) if "every" in entry else None
    return Rule(
        when=entry["when"], do=entry["do"], offset=behind - ahead, longer_than=entry.get("longer_than"),
        to=entry.get("to", ""), every=every, times=entry.get("times", USUAL_TIMES if every else 1), text=_say(entry),
    )  # fmt: skip


def _say(entry: Mapping[str, Any]) -> str:
    """Return the rule in one line, which is also its name: `waiting after 2h, every 1h: relax`."""
    moment = " ".join(f"{word} {entry[word]}" for word in ("after", "before", "longer_than") if word in entry)
    again = f", every {entry['every']}" if "every" in entry else ""
    target = f" to {entry['to']}" if entry.get("to") else ""
    return f"{entry['when']} {moment}".replace("_", " ").strip() + f"{again}: {entry['do'].replace('_', ' ')}{target}"


def check_sla(sla: Any) -> None:
    """Check the two promises and each rule of escalation.

    :raises ValidationError: saying which entry is wrong and what to write instead
    """
    if not isinstance(sla, dict) or set(sla) - {*PROMISES, "escalation"}:
        raise wrong('An SLA is an object with "response_time", "completion_time" and "escalation".')
    for name in PROMISES:
        if name in sla:
            check_duration(sla[name])
    rules = sla.get("escalation", [])
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise wrong(f'"escalation" is a list of at most {MOST_RULES} rules.')
    for number, entry in enumerate(rules, start=1):
        try:
            _check_rule(entry)
        except ValidationError as error:
            raise wrong(f"escalation, rule {number}: {' '.join(error.messages)}") from error
    texts = [_say(entry) for entry in rules]
    if len(set(texts)) < len(texts) or max(map(len, texts), default=0) > LONGEST_RULE:
        raise wrong(f"escalation: each rule says something else, in at most {LONGEST_RULE} characters.")


def _check_rule(entry: Any) -> None:
    if not isinstance(entry, dict):
        raise wrong('A rule is an object like {"when": "waiting", "after": "2h", "do": "notify"}.')
    if unknown := sorted(set(entry) - WORDS):
        raise wrong(f"There is no {unknown[0]!r}; use {', '.join(sorted(WORDS))}.")
    for word, known in (("when", TRIGGERS), ("do", ACTIONS)):
        if entry.get(word) not in known:
            raise wrong(f'"{word}" is one of {", ".join(known)}.')
    _check_moment(entry)
    for word in entry.keys() & {"after", "before", "every"}:
        check_duration(entry[word])
    if "to" in entry:
        _check_target(entry)
    if entry.keys() & {"every", "times"}:
        _check_steps(entry)


def _check_moment(entry: Mapping[str, Any]) -> None:
    given = entry.keys() & {"after", "before", "longer_than"}
    match entry["when"]:
        case "queue":
            fits, needed = given == {"longer_than"}, 'A queue is "longer_than" a number of tasks above 0.'
            fits = fits and _is_whole(entry["longer_than"], most=1_000_000)
        case "waiting":
            fits, needed = given == {"after"}, 'Waiting needs "after" and a duration, like "2h".'
        case _:
            fits, needed = given in (set(), {"before"}, {"after"}), 'A deadline has "before" or "after", or neither.'
    if not fits:
        raise wrong(needed)


def _check_target(entry: Mapping[str, Any]) -> None:
    to = entry["to"]
    if entry["do"] == "raise_priority":
        fits, needed = to in PRIORITIES, f'"to" is one of {", ".join(PRIORITIES)}.'
    else:
        fits = entry["do"] == "notify" and isinstance(to, str) and to.isprintable() and 0 < len(to) <= LONGEST_NAME
        needed = (
            f'"to" says who is told by notify, in at most {LONGEST_NAME} characters, or what raise_priority ends at.'
        )
    if not fits:
        raise wrong(needed)


def _check_steps(entry: Mapping[str, Any]) -> None:
    if entry["when"] == "queue" or entry["do"] in ("reassign", "cancel"):
        raise wrong('"every" and "times" belong to relax, raise_priority and notify, and to no queue.')
    if "every" not in entry or not _is_whole(entry.get("times", 1), most=MOST_TIMES):
        raise wrong(f'Send "every" with a duration, and "times" as a whole number from 1 to {MOST_TIMES}.')


def _is_whole(value: Any, *, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most
