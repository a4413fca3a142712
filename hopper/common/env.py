"""Settings from the environment, read tolerantly: a bad value becomes a system check, never a traceback."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ValidationError

from hopper.common.durations import read_duration


@dataclass(frozen=True)
class BadSetting:
    """A variable whose value could not be read; `default` is used instead."""

    name: str
    wanted: str


@dataclass
class TolerantEnv:
    """Reads variables by django-environ and remembers what it could not read."""

    file: Path
    problems: list[BadSetting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._env = environ.Env()
        if self.file.is_file():
            environ.Env.read_env(str(self.file))

    def text(self, name: str, default: str = "") -> str:
        return self._env.str(name, default=default) or default

    def given(self, name: str, default: str) -> str:
        """Read a text that may be given as nothing, which is not the default."""
        return self._env.str(name, default=default)

    def flag(self, name: str, *, default: bool) -> bool:
        word = self.text(name).lower()
        if word and word not in {*self._env.BOOLEAN_TRUE_STRINGS, "false", "off", "no", "n", "0"}:
            return self._refuse(name, "true or false", default)
        return self._env.bool(name, default=default) if word else default

    def whole(self, name: str, *, default: int, minimum: int = 0) -> int:
        try:
            value = int(self.text(name, str(default)))
        except ValueError:
            return self._refuse(name, "a whole number", default)
        return value if value >= minimum else self._refuse(name, f"a whole number of {minimum} or more", default)

    def share(self, name: str, *, default: float | None = None) -> float | None:
        """Read a number above 0 and up to 1."""
        word = self.text(name)
        try:
            value = float(word) if word else default
        except ValueError:
            value = 0.0
        return value if value is None or 0 < value <= 1 else self._refuse(name, "a number above 0 and up to 1", default)

    def words(self, name: str, *, default: list[str]) -> list[str]:
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or default

    def durations(self, name: str, *, default: dict[str, str], shortest: float) -> dict[str, float]:
        """Read `worker=60s,human=24h` as seconds by word; what is not named keeps its default."""
        given = {**default, **self._pairs(name)}
        try:
            seconds = {word: read_duration(text).total_seconds() for word, text in given.items()}
        except ValidationError:
            seconds = {}
        if not seconds or min(seconds.values()) < shortest:
            self._refuse(name, f"durations of {shortest:g} s or more, like {_shown(default)}", default)
            return {word: read_duration(text).total_seconds() for word, text in default.items()}
        return seconds

    def numbers(self, name: str) -> dict[str, float]:
        """Read `ada=2,bob=1`: numbers above 0 by word."""
        try:
            found = {word: float(text) for word, text in self._pairs(name).items()}
        except ValueError:
            found = {"": 0.0}
        return found if all(number > 0 for number in found.values()) else self._refuse(name, "numbers, like ada=2", {})

    def object(self, name: str) -> dict[str, Any]:
        """Read a JSON object; none is an empty one."""
        try:
            found = json.loads(self.text(name, "{}"))
        except ValueError:
            found = None
        return found if isinstance(found, dict) else self._refuse(name, "a JSON object", {})

    def _pairs(self, name: str) -> dict[str, str]:
        return {
            word.strip(): text.strip() for word, _, text in (w.partition("=") for w in self.words(name, default=[]))
        }

    def numbered(self, name: str, *, default: str) -> dict[int, str]:
        """Read `1:first,2:second`; a word without a number gets that of its place, so that old ones keep theirs."""
        found: dict[int, str] = {}
        for place, word in enumerate(self.words(name, default=[default]), start=1):
            number, colon, text = word.partition(":")
            is_numbered = bool(colon) and number.isdigit()
            found[int(number) if is_numbered else place] = text if is_numbered else word
        return found

    def choice(self, name: str, *, default: str, among: tuple[str, ...]) -> str:
        value = self.text(name, default)
        return value if value in among else self._refuse(name, f"one of {', '.join(among)}", default)

    def url(self, name: str, *, default: str, schemes: tuple[str, ...], words: tuple[str, ...] = ()) -> str:
        """Read a URL of one of the schemes, or one of the words that stand for one."""
        value = self.text(name, default)
        if value and value not in words and value.split(":", 1)[0] not in schemes:
            wanted = " or ".join([*(scheme + "://" for scheme in schemes), *words])
            return self._refuse(name, f"a URL that begins with {wanted}", default)
        return value

    def _refuse(self, name: str, wanted: str, default: Any) -> Any:
        self.problems.append(BadSetting(name, wanted))
        return default


def _shown(pairs: dict[str, str]) -> str:
    return ",".join(f"{word}={text}" for word, text in pairs.items())
