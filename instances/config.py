"""What an instance's `config` may say."""

from typing import Any

from django.core.exceptions import ValidationError

from hopper.common.errors import wrong
from hopper.common.fields import normalise_levels


def _whole(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise wrong(f"{name} is a whole number of 0 or more, not {value!r}.")


def _share(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise wrong(f"{name} is a number from 0 to 1, not {value!r}.")


def _flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise wrong(f"{name} is true or false, not {value!r}.")


def _skills(name: str, value: Any) -> None:
    normalise_levels(value)


CHECKS = {
    "max_concurrent_tasks": _whole,
    "delegation_timeout": _whole,
    "confidence_threshold": _share,
    "auto_delegate": _flag,
    "capabilities": _skills,
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
