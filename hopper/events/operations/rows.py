"""Writing rows with their event, in one transaction; every app's operations stand on these."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.deletion import ProtectedError
from django.utils import timezone
from django.utils.module_loading import import_string

from hopper.common.db.inserting import Computed, insert_rows
from hopper.common.errors import Gone, HopperError, Invalid, Stale
from hopper.common.jobs import ring
from hopper.common.models import Versioned
from hopper.events.models import Event
from hopper.events.operations.deliveries import schedule

Row = TypeVar("Row", bound=models.Model)
BATCH = 500
HOPPER = "hopper"  # the actor of what nobody asked for by hand
# The row's version, or the next above the log's highest: a reloaded row never collides with its past. Whoever changes
# a row holds its lock, so nobody writes between this look and the event.
VERSION = Computed(
    """COALESCE((SELECT MAX(e.version) + 1 FROM events e
    WHERE e.aggregate_type = %s AND e.aggregate_id = %s AND e.version >= %s), %s)""",
    ("aggregate_type", "aggregate_id", "version", "version"),
)


class StillInUse(HopperError):
    """Other rows stand on this one, so it cannot be deleted."""

    code = "still_in_use"


def record_event(kind: str, row: models.Model, *, actor: str, **payload: Any) -> Event:
    """Append what happened to the row, in the caller's transaction, and ring for whoever waits for it."""
    event = _entry(kind, row, actor, payload)
    _append([event])
    for job in settings.DOORBELLS.get(kind, ()):
        ring(job, row.pk)
    for react in _reactions_to(kind):
        react(row=row, actor=actor)
    return event


def record_events(
    kind: str, rows: Sequence[models.Model], *, actor: str,
    payload: Callable[[Any], dict[str, Any]] | None = None, beside: Callable[[Any], models.Model] | None = None,
) -> None:  # fmt: skip
    """Append the same kind of event for many rows; the sweep, not a doorbell, sees to what follows.

    `beside` makes a new row of another table for each, which is written with its event.
    """
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        events = [_entry(kind, row, actor, payload(row) if payload else {}) for row in batch]
        _append(events, beside=[beside(row) for row in batch] if beside else ())
        for react in _reactions_to(kind):
            for row in batch:
                react(row=row, actor=actor)


def _reactions_to(kind: str) -> list[Callable[..., Any]]:
    """Return what the upper apps have to do in the same transaction."""
    return [import_string(name) for name in settings.REACTIONS.get(kind, ())]


def _append(events: Sequence[Event], *, beside: Sequence[models.Model] = ()) -> None:
    if len(events) == 1:
        insert_rows(events, beside=beside, version=VERSION)
    else:  # hundreds of such questions in one statement take longer to plan than one question before it
        last = _last_versions(events)
        for event in events:
            event.version = max(last.get(event.aggregate_id, 0) + 1, event.version)
        insert_rows(events, beside=beside)
    schedule(events)


def _last_versions(events: Sequence[Event]) -> dict[str, int]:
    keys = [event.aggregate_id for event in events]
    seen = Event.objects.filter(aggregate_type=events[0].aggregate_type, aggregate_id__in=keys)
    return dict(seen.order_by().values_list("aggregate_id").annotate(last=models.Max("version")))


def _entry(kind: str, row: models.Model, actor: str, payload: dict[str, Any]) -> Event:
    return Event(
        type=kind, actor=actor, payload=payload, version=getattr(row, "version", 1),
        aggregate_type=row._meta.label_lower, aggregate_id=str(row.pk),
    )  # fmt: skip


def check_row(row: models.Model, *, exclude: Iterable[str] = (), unique: bool = True) -> None:
    """Check every field of the row, and that no other row holds its place.

    CHECK constraints are left to the database: Django would ask it one query for each.

    :raises Invalid: naming the fields
    """
    errors: dict[str, Any] = {}
    checks: list[Callable[[], None]] = [
        lambda: row.clean_fields(exclude=set(exclude)), lambda: _check_empty(row, set(exclude)), row.clean
    ]  # fmt: skip
    if unique:
        checks.append(lambda: row.validate_unique(exclude=set(exclude)))
        checks += [partial(rule.validate, type(row), row) for rule in row._meta.constraints if _is_unique(rule)]
    for check in checks:
        try:
            check()
        except ValidationError as error:
            errors = error.update_error_dict(errors)
    if errors:
        raise Invalid(ValidationError(errors).message_dict)


def _check_empty(row: models.Model, exclude: set[str]) -> None:
    """Check what Django lets pass unseen: an empty value of the wrong shape, as `[]` for an object."""
    errors: dict[str, Any] = {}
    for field in _json_columns(type(row)):
        value = getattr(row, field.attname)
        if field.name in exclude or value not in field.empty_values:
            continue
        try:
            if value is None:
                raise ValidationError(field.error_messages["null"])
            for check in field.validators:
                check(value)
        except ValidationError as error:
            errors[field.name] = error
    if errors:
        raise ValidationError(errors)


@cache
def _json_columns(model: type[models.Model]) -> list[models.Field]:
    columns = model._meta.concrete_fields
    return [column for column in columns if isinstance(column, models.JSONField) and not column.null]


def _is_unique(rule: models.BaseConstraint) -> bool:
    return isinstance(rule, models.UniqueConstraint)


@transaction.atomic
def create_row(row: Row, *, kind: str, actor: str, unique: bool = True, **payload: Any) -> Row:
    """Store a new row with its event; `unique=False` spares the look for a twin where none can be.

    :raises Invalid: if a field or constraint is broken
    """
    check_row(row, unique=unique)
    row.save(force_insert=True)
    record_event(kind, row, actor=actor, **payload)
    return row


def lock_row(row: Row) -> Row:
    """Return the row as it now stands, locked until the transaction ends.

    :raises Gone: if it was deleted meanwhile
    :raises Stale: if the caller wants another version than the one that is there
    """
    fresh = type(row)._default_manager.select_for_update().filter(pk=row.pk).first()
    if fresh is None:
        raise Gone(f"{_kind_of(row)} {row.pk} is no longer there.")
    if isinstance(row, Versioned) and not row.wants(getattr(fresh, "version", 0)):
        last = Event.objects.about(row).last()
        raise Stale(fresh, by=last.actor if last else "")
    return fresh


def _kind_of(row: models.Model) -> str:
    return str(row._meta.verbose_name).capitalize()


def save_row(row: Row, *, kind: str, actor: str, **payload: Any) -> Row:
    """Store a changed, locked row with its next version and event."""
    row.version += 1  # type: ignore[attr-defined]
    row.updated_at = timezone.now()  # type: ignore[attr-defined]
    row.save(force_update=True)
    record_event(kind, row, actor=actor, **payload)
    return row


@transaction.atomic
def change_row(row: Row, *, kind: str, actor: str, changes: dict[str, Any]) -> Row:
    """Change fields of a row; what stays the same is neither written nor told.

    :raises Invalid: if a field or constraint is broken
    """
    row = lock_row(row)
    changed = sorted(name for name, value in changes.items() if getattr(row, name) != value)
    if not changed:
        return row
    for name in changed:
        setattr(row, name, changes[name])
    check_row(row)
    return save_row(row, kind=kind, actor=actor, changed=changed)


@transaction.atomic
def delete_row(row: models.Model, *, kind: str, actor: str) -> None:
    """Delete a row; its events stay.

    :raises StillInUse: if other rows stand on it
    """
    row = lock_row(row)
    record_event(kind, row, actor=actor)
    try:
        row.delete()
    except ProtectedError as error:
        users = sorted({str(other._meta.verbose_name_plural) for other in error.protected_objects})
        raise StillInUse(f"{_kind_of(row)} {row.pk} still has {' and '.join(users)}: move them first.") from error
