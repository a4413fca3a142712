"""What an instance's `config` may say, and what it inherits."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.core.exceptions import ValidationError

from hopper.common.errors import wrong
from hopper.common.fields import normalise_levels

LONGEST_NAME = 100
PRIORITIES = ("urgent", "high", "medium", "low")
OWN_TO = {"owner": "PERSONAL", "members": "FAMILY", "window": "EVENT", "peer": "FEDERATED"}  # none of them is inherited


class Configured(Protocol):
    """A row of the tree that carries settings."""

    pk: str
    parent_id: str | None
    config: dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """A value in force, and the id of the instance that says so."""

    value: Any
    origin: str


def effective_config(key: str, rows: Iterable[Configured]) -> dict[str, Setting]:
    """Return what is in force at the instance, by name; `rows` hold it and everything above it, in any order.

    The nearest instance that names a setting decides it; what belongs to one scope alone is not inherited.
    """
    seats = {row.pk: row for row in rows}
    found: dict[str, Setting] = {}
    seat = seats.get(key)
    while seat is not None:
        for name, value in seat.config.items():
            if seat.pk == key or name not in OWN_TO:
                found.setdefault(name, Setting(value, seat.pk))
        seat = seats.pop(seat.parent_id, None) if seat.parent_id else None  # popped: a circle ends
    return dict(sorted(found.items()))


def _whole(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong(f"{name} is a whole number of 0 or more, not {value!r}.")


def _number(low: float, high: float) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(f"{name} is a number from {low} to {high}, not {value!r}.")

    return check


def _weight(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise wrong(f"{name} is a number above 0, not {value!r}.")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong(f"{name} is true or false, not {value!r}.")


def _by_priority(check: Callable[[str, Any], None], common: set[str]) -> Callable[[str, Any], None]:
    """Check what is said for all tasks, and for a priority in an object of its name."""

    def checked(name: str, value: Any) -> None:
        for part, said in value.items() if isinstance(value, dict) else ():
            if part not in {*PRIORITIES, *common}:
                raise wrong(f"{name} has no {part!r}. Known: {', '.join([*sorted(common), *PRIORITIES])}.")
            if part in PRIORITIES:
                check(f"{name}.{part}", said)
        plain = {part: value[part] for part in common & value.keys()} if isinstance(value, dict) else value
        if plain or not value:  # an object may speak of priorities alone
            check(name, plain)

    return checked


def _threshold(name: str, value: Any) -> None:
    _number(0, 1)(name, value.get("confidence") if isinstance(value, dict) else value)


def _costs(name: str, value: Any) -> None:
    if not isinstance(value, dict) or value.keys() != {"wrong", "review"}:
        raise wrong(f'{name} is {{"wrong": …, "review": …}}: what a wrong route costs, and what a review costs.')
    for part in ("wrong", "review"):
        _weight(f"{name}.{part}", value[part])


def _skills(name: str, value: Any) -> None:
    normalise_levels(value)


def _person(name: str, value: Any) -> None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_NAME:
        raise wrong(f"{name} is the name of an account or key, at most {LONGEST_NAME} characters, not {value!r}.")


def _people(name: str, value: Any) -> None:
    if not isinstance(value, list):
        raise wrong(f'{name} is a list of names, like ["ada", "grace"], not {value!r}.')
    for one in value:
        _person(name, one)


def _window(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not {"ends_at"} <= value.keys() <= {"starts_at", "ends_at"}:
        raise wrong(f'{name} is {{"starts_at": …, "ends_at": …}}; starts_at may be left out.')
    times = [_time(f"{name}.{part}", value[part]) for part in ("starts_at", "ends_at") if part in value]
    if times != sorted(set(times)):
        raise wrong(f"{name} ends before it starts.")


def _time(name: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise wrong(f"{name} is a moment with its zone, like 2027-01-31T18:00:00Z, not {value!r}.")
    return time


def _peer(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not {"url"} <= value.keys() <= {"url", "key"}:
        raise wrong(f'{name} is {{"url": "https://…", "key": "the name of its key"}}; key may be left out.')
    if not isinstance(value["url"], str) or not value["url"].startswith(("https://", "http://")):
        raise wrong(f"{name}.url begins with https:// or http://, not {value['url']!r}.")
    if "key" in value:
        _person(f"{name}.key", value["key"])


CHECKS: dict[str, Callable[[str, Any], None]] = {
    "max_concurrent_tasks": _whole,
    "delegation_timeout": _whole,
    "confidence_threshold": _by_priority(_threshold, {"confidence"}),
    "confidence_costs": _by_priority(_costs, {"wrong", "review"}),
    "review_timeout": _whole,
    "complexity_threshold": _number(1, 10),
    "fair_share_weight": _weight,
    "auto_delegate": _flag,
    "auto_accept": _flag,
    "capabilities": _skills,
    "owner": _person,
    "members": _people,
    "window": _window,
    "peer": _peer,
}


def check_config(config: Any) -> None:
    """Check the settings Hopper reads; further names are the operator's own and are kept as they are.

    :raises ValidationError: naming the first setting that is wrong
    """
    if not isinstance(config, dict):
        raise ValidationError('A config is an object, like {"max_concurrent_tasks": 4}.')
    for name, value in config.items():
        if name in CHECKS:
            CHECKS[name](name, value)
    if {"confidence_threshold", "confidence_costs"} <= config.keys():
        raise wrong("Say confidence_threshold or confidence_costs: the costs are a threshold too.")


def check_config_of(scope: str, config: dict[str, Any]) -> None:
    """Check that no setting belongs to another scope.

    :raises ValidationError: naming the first that does
    """
    for name in config.keys() & OWN_TO.keys():
        if OWN_TO[name] != scope:
            raise ValidationError(
                {"config": wrong(f"{name} belongs to {OWN_TO[name]} instances; this one is {scope}.")}
            )
