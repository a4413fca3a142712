"""API keys: `hop_<prefix>.<secret>`, shown once, kept as HMAC-SHA256 under a numbered pepper (security.md 3)."""

import hashlib
import hmac
import secrets
import string
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from hopper.common.errors import Invalid, Stale
from hopper.common.models import ApiKey, Role

LETTERS = string.ascii_letters + string.digits
PREFIX_LENGTH = 12
SECRET_LENGTH = 43
DEFAULT_DAYS = 90
LONGEST_DAYS = 365
SCHEME = "hop_"


def _random(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def _digest(secret: str, pepper: int) -> bytes:
    return hmac.new(settings.KEY_PEPPERS[pepper].encode(), secret.encode(), hashlib.sha256).digest()


@transaction.atomic
def create_key(*, name: str, role: str = Role.VIEWER, days: int = DEFAULT_DAYS, **limits: Any) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which nobody can read again.

    :raises Invalid: if a field breaks a rule or `days` is not 1 to 365
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid({"days": [f"A key lives 1 to {LONGEST_DAYS} days."]})
    prefix, secret, pepper = _random(PREFIX_LENGTH), _random(SECRET_LENGTH), max(settings.KEY_PEPPERS)
    limits.setdefault("expires_at", timezone.now() + timedelta(days=days))
    key = ApiKey(prefix=prefix, digest=_digest(secret, pepper), pepper=pepper, name=name, role=role, **limits)
    validate_key(key)
    key.save(force_insert=True)
    return key, f"{SCHEME}{prefix}.{secret}"


def validate_key(key: ApiKey) -> None:
    """Check every field of the key.

    :raises Invalid: naming the fields
    """
    errors: dict[str, list[str]] = {}
    for limit in ("instances", "projects", "networks"):
        if not isinstance(getattr(key, limit), list) or not all(isinstance(item, str) for item in getattr(key, limit)):
            errors[limit] = ["Send a list of texts."]
    for network in () if "networks" in errors else key.networks:
        try:
            ip_network(network)
        except ValueError:
            errors["networks"] = [f"{network} is no network: write it like 10.0.0.0/8."]
    try:
        key.full_clean()
    except ValidationError as error:
        errors |= error.message_dict
    if errors:
        raise Invalid(errors)


@transaction.atomic
def change_key(*, key: ApiKey, **changes: Any) -> ApiKey:
    """Change a key's name, role, limits or expiry.

    :raises Invalid: if a field breaks a rule
    :raises Stale: if the caller wants another version than the one that is there
    """
    stored = ApiKey.objects.select_for_update().get(pk=key.pk)
    if not key.wants(stored.version):
        raise Stale(stored)
    key = stored
    for name, value in changes.items():
        setattr(key, name, value)
    validate_key(key)
    key.version += 1
    key.updated_at = timezone.now()
    key.save()
    return key


@transaction.atomic
def revoke_key(*, key: ApiKey) -> ApiKey:
    """Make the key useless from now on; revoking twice keeps the first time."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    return change_key(key=key, revoked_at=key.revoked_at or timezone.now())


def delete_key(*, key: ApiKey) -> None:
    """Forget the key; revoking it instead keeps its trace."""
    key.delete()


def find_key(text: str, *, address: str | None = None, now: datetime | None = None) -> ApiKey | None:
    """Return the live key that `text` proves, else None: unknown, wrong, revoked and expired look the same."""
    now = now or timezone.now()
    prefix, _, secret = text.removeprefix(SCHEME).partition(".")
    key = ApiKey.objects.filter(prefix=prefix).first() if text.startswith(SCHEME) and prefix.isalnum() else None
    known = key is not None and key.pepper in settings.KEY_PEPPERS
    expected = bytes(key.digest) if key and known else b"\0" * 32
    given = _digest(secret, key.pepper if key and known else max(settings.KEY_PEPPERS))
    proven = hmac.compare_digest(expected, given)  # compared even when unknown: the time tells nothing
    if not key or not proven or key.revoked_at or (key.expires_at and key.expires_at <= now):
        return None
    if key.networks and not _comes_from(address, key.networks):
        return None
    _note_use(key, now)
    return key


def _comes_from(address: str | None, networks: list[str]) -> bool:
    return bool(address) and any(ip_address(address or "") in ip_network(network) for network in networks)


def _note_use(key: ApiKey, now: datetime) -> None:
    """Remember the use, at most once a minute."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
    if key.last_used_at is None or key.last_used_at < now - timedelta(minutes=1):
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now, version=F("version"))
