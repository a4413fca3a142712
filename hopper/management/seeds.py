"""Bringing the fixtures named `seeds` into a database that is in use: what is there stays as it is."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.core.serializers.base import DeserializationError
from django.db import connection, models, transaction

from hopper.common.errors import HopperError

NAME = "seeds.json"
Key = tuple[type[models.Model], object]


class SeedsUnusable(HopperError):
    """The seeds cannot be read."""


@dataclass
class Planted:
    """What came in and what was left out, by table."""

    loaded: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


@transaction.atomic
def plant_seeds() -> Planted:
    """Store every seed whose key and unique values are free, all in one transaction.

    A seed that points at a seed left out for its unique values is left out too: the row that holds
    those values has another key.

    :raises SeedsUnusable: if there are none, or one cannot be read
    """
    rows = [row for file in seed_files() for row in _read(file)]
    there = {_key(row) for row in rows if _default(row).filter(pk=row.pk).exists()}
    absent = {_key(row) for row in rows if _key(row) not in there and _has_twin(row)}
    while pulled := {_key(row) for row in rows if _points_at(row, absent)} - absent - there:
        absent |= pulled
    planted = Planted()
    for row in rows:
        is_new = _key(row) not in there | absent
        (planted.loaded if is_new else planted.skipped)[row._meta.db_table] += 1
        if is_new:
            row.save_base(raw=True, force_insert=True)
    _settle({type(row) for row in rows})
    return planted


def _settle(used: set[type[models.Model]]) -> None:
    """Check every reference now, and let the counters of automatic keys go on above the seeds'."""
    connection.check_constraints()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(used)):
            cursor.execute(statement)


def seed_files() -> list[Path]:
    """Return every fixture of that name, in the order of the apps.

    :raises SeedsUnusable: if there is none
    """
    homes = [Path(config.path) / "fixtures" for config in apps.get_app_configs()]
    files = [home / NAME for home in (*homes, *map(Path, settings.FIXTURE_DIRS)) if (home / NAME).is_file()]
    if not files:
        raise SeedsUnusable(f"No app has fixtures/{NAME}.")
    return files


def _read(file: Path) -> Iterator[models.Model]:
    try:
        with file.open() as text:
            for seed in serializers.deserialize("json", text):
                yield seed.object
    except DeserializationError as error:
        raise SeedsUnusable(f"{file} is no fixture: {error}") from error


def _key(row: models.Model) -> Key:
    return type(row), row.pk if row.pk is not None else ("not yet numbered", id(row))


def _default(row: models.Model) -> models.Manager:
    return type(row)._base_manager


def _has_twin(row: models.Model) -> bool:
    """Tell whether another row holds values that only one row may have."""
    rules = [rule for rule in row._meta.constraints if isinstance(rule, models.UniqueConstraint)]
    try:
        row.validate_unique()
        for rule in rules:
            rule.validate(type(row), row)
    except ValidationError:
        return True
    return False


def _points_at(row: models.Model, keys: Collection[Any]) -> bool:
    targets = ((f.related_model, getattr(row, f.attname)) for f in row._meta.concrete_fields if f.is_relation)
    return any(target in keys for target in targets)
