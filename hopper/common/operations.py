"""Idempotency keys: a POST that is sent twice is done once (reliability.md C3)."""

from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.utils import timezone

from hopper.common.db.failures import DatabaseBusy, passing_failure
from hopper.common.errors import HopperError
from hopper.common.models import IdempotencyKey

KEPT = timedelta(hours=24)


class KeyReused(HopperError):
    """This Idempotency-Key was sent with another request: make a new key for each thing you want done."""

    code = "idempotency_key_reused"
    status = 422


class KeyInUse(HopperError):
    """A request with this Idempotency-Key is still under way: send it again in a moment."""

    code = "idempotency_key_in_use"
    retry_after = 1


def take_key(*, principal: str, key: str, fingerprint: str) -> IdempotencyKey:
    """Return what is known of the key; a request under way is waited for, at the unique index.

    It belongs into the transaction of the work: an entry that is not done is the caller's own to finish,
    and goes with the work if that fails.

    :raises KeyReused: if the key came with another request before
    :raises KeyInUse: if that request takes longer than a lock is waited for
    """
    place = {"principal": principal, "key": key}
    try:
        IdempotencyKey.objects.bulk_create([IdempotencyKey(**place, fingerprint=fingerprint)], ignore_conflicts=True)
    except OperationalError as error:
        if isinstance(passing_failure(error), DatabaseBusy):
            raise KeyInUse from error
        raise
    entry = IdempotencyKey.objects.get(**place)
    if entry.fingerprint != fingerprint:
        raise KeyReused
    return entry


def finish_key(*, entry: IdempotencyKey, status: int, resource: Any) -> None:
    """Note how the request was answered, in the transaction of the work."""
    entry.status, entry.resource = status, resource
    entry.save(update_fields=["status", "resource"])


def purge_idempotency_keys(*, now: datetime | None = None) -> int:
    """Forget the keys of more than 24 hours ago; return how many."""
    return IdempotencyKey.objects.filter(created_at__lt=(now or timezone.now()) - KEPT).delete()[0]
