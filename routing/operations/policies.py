"""Policies: drafts are edited, versions that were in force never are."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from projects.models import Project
from routing.models import Policy, PolicyVersion


class VersionInForce(HopperError):
    """This version is or was in force and is never edited: make a new version."""

    code = "version_in_force"


def create_policy(*, actor: str, **fields: Any) -> Policy:
    """Begin a line of versions."""
    return log.create_row(Policy(**fields), kind="policy.created", actor=actor)


def change_policy(*, policy: Policy, actor: str, **changes: Any) -> Policy:
    """Rename or describe a policy."""
    return log.change_row(policy, kind="policy.changed", actor=actor, changes=changes)


def delete_policy(*, policy: Policy, actor: str) -> None:
    """Delete a policy whose versions were never in force.

    :raises VersionInForce: if one was
    """
    if policy.versions.exclude(state=PolicyVersion.State.DRAFT).exists():
        raise VersionInForce("A version of this policy is or was in force: it stays, as decisions name it.")
    log.delete_row(policy, kind="policy.deleted", actor=actor)


@transaction.atomic
def create_version(*, policy: Policy, actor: str, **fields: Any) -> PolicyVersion:
    """Add a draft to the policy.

    :raises Invalid: naming each rule, weight or threshold that is wrong
    """
    policy = log.lock_row(policy)
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    version = PolicyVersion(policy=policy, number=last + 1, created_by=actor[:100], **fields)
    _check_destinations(version.rules)
    return log.create_row(version, kind="policy_version.created", actor=actor, number=version.number)


@transaction.atomic
def change_version(*, version: PolicyVersion, actor: str, **changes: Any) -> PolicyVersion:
    """Change a draft.

    :raises VersionInForce: if it is or was in force
    """
    if log.lock_row(version).state != PolicyVersion.State.DRAFT:
        raise VersionInForce
    _check_destinations(changes.get("rules", []))
    return log.change_row(version, kind="policy_version.changed", actor=actor, changes=changes)


@transaction.atomic
def delete_version(*, version: PolicyVersion, actor: str) -> None:
    """Delete a draft.

    :raises VersionInForce: if it is or was in force
    """
    if log.lock_row(version).state != PolicyVersion.State.DRAFT:
        raise VersionInForce
    log.delete_row(version, kind="policy_version.deleted", actor=actor)


@transaction.atomic
def activate_version(*, version: PolicyVersion, actor: str) -> PolicyVersion:
    """Put a version in force and retire the one before it; a retired version can come back."""
    version = log.lock_row(version)
    if version.state == PolicyVersion.State.ACTIVE:
        return version
    for before in PolicyVersion.objects.select_for_update().filter(state=PolicyVersion.State.ACTIVE):
        before.state = PolicyVersion.State.RETIRED
        log.save_row(before, kind="policy_version.retired", actor=actor)
    version.state, version.activated_at = PolicyVersion.State.ACTIVE, timezone.now()
    return log.save_row(version, kind="policy_version.activated", actor=actor, number=version.number)


@transaction.atomic
def load_policy(*, name: str, content: Any, actor: str) -> PolicyVersion:
    """Make a new version from a policy file and put it in force.

    `content` is a list of rules, or an object with `rules`, `weights` and `thresholds`.

    :raises Invalid: naming each rule, weight or threshold that is wrong
    """
    content = {"rules": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or set(content) - {"rules", "weights", "thresholds"}:
        raise Invalid({"rules": ["A policy file is a list of rules, or has the keys rules, weights, thresholds."]})
    policy = Policy.objects.filter(name=name).first() or create_policy(name=name, actor=actor)
    return activate_version(version=create_version(policy=policy, actor=actor, **content), actor=actor)


def _check_destinations(rules: Any) -> None:
    entries = [rule.get("project") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    named = {name for name in entries if isinstance(name, str) and name}
    unknown = sorted(named - set(Project.objects.filter(pk__in=named).values_list("pk", flat=True)))
    if unknown:
        raise Invalid({"rules": [f"There is no project {name!r}: register it first." for name in unknown]})
