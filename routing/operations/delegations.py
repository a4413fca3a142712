"""Delegations as rows; accepting, rejecting and expiring them comes with the protocol."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.events import operations as log
from routing.models import Delegation


@transaction.atomic
def create_delegation(*, actor: str, **fields: Any) -> Delegation:
    """Hand a task from one instance to another.

    :raises Invalid: if a field is wrong or the source has handed it on already
    """
    return log.create_row(Delegation(**fields, delegated_at=timezone.now()), kind="delegation.created", actor=actor)


def change_delegation(*, delegation: Delegation, actor: str, **changes: Any) -> Delegation:
    """Change a delegation's reason, result or expiry."""
    return log.change_row(delegation, kind="delegation.changed", actor=actor, changes=changes)


def delete_delegation(*, delegation: Delegation, actor: str) -> None:
    """Delete a delegation."""
    log.delete_row(delegation, kind="delegation.deleted", actor=actor)
