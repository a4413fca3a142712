"""Policies: drafts are edited, versions that were in force never are. Their life is in `life.py`."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from projects.models import Project
from routing.models import Policy, PolicyVersion
from routing.models.policy import check_shares, check_weights
from routing.policy.diff import compare
from routing.policy.files import SHAPE, Fault, Path, read_file, rule_faults, write_file

State = PolicyVersion.State


class VersionInForce(HopperError):
    """This version is or was in force and is never edited: make a new version."""

    code = "version_in_force"


class VersionInShadow(HopperError):
    """This version decides in silence: take it back out of the shadow, then change it."""

    code = "version_in_shadow"


def create_policy(*, actor: str, **fields: Any) -> Policy:
    """Begin a line of versions."""
    return log.create_row(Policy(**fields), kind="policy.created", actor=actor)


@transaction.atomic
def change_policy(*, policy: Policy, actor: str, **changes: Any) -> Policy:
    """Rename or describe a policy, or give it to another instance while it has no version.

    :raises Invalid: if it is to move with its versions
    """
    stored = log.lock_row(policy)
    if "instance" in changes and changes["instance"] != stored.instance and stored.versions.exists():
        raise Invalid({"instance": ["A policy with versions stays where it is: make another for that instance."]})
    return log.change_row(policy, kind="policy.changed", actor=actor, changes=changes)


def delete_policy(*, policy: Policy, actor: str) -> None:
    """Delete a policy whose versions were never in force.

    :raises VersionInForce: if one was
    """
    if policy.versions.filter(activated_at__isnull=False).exists():
        raise VersionInForce("A version of this policy is or was in force: it stays, as decisions name it.")
    log.delete_row(policy, kind="policy.deleted", actor=actor)


@transaction.atomic
def create_version(*, policy: Policy, actor: str, **fields: Any) -> PolicyVersion:
    """Add a draft to the policy.

    :raises Invalid: naming each rule, weight or threshold that is wrong
    """
    policy = log.lock_row(policy)
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    version = PolicyVersion(
        policy=policy, instance=policy.instance, number=last + 1, created_by=actor[:100], **fields
    )  # fmt: skip
    _check_destinations(version.rules)
    return log.create_row(version, kind="policy_version.created", actor=actor, number=version.number)


@transaction.atomic
def change_version(*, version: PolicyVersion, actor: str, **changes: Any) -> PolicyVersion:
    """Change a draft.

    :raises VersionInForce: if it is or was in force
    :raises VersionInShadow: if it decides in silence
    """
    _check_draft(log.lock_row(version))
    _check_destinations(changes.get("rules", []))
    return log.change_row(version, kind="policy_version.changed", actor=actor, changes=changes)


@transaction.atomic
def delete_version(*, version: PolicyVersion, actor: str) -> None:
    """Delete a draft.

    :raises VersionInForce: if it is or was in force
    :raises VersionInShadow: if it decides in silence
    """
    _check_draft(log.lock_row(version))
    log.delete_row(version, kind="policy_version.deleted", actor=actor)


def read_policy(*, text: str) -> dict[str, Any]:
    """Return the rules, weights and thresholds of a policy file.

    :raises Invalid: naming line and column of whatever is wrong, and the rule
    """
    file = read_file(text)
    if faults := list(_faults(file.content)):
        raise Invalid({"yaml": [file.sentence(fault) for fault in faults]})
    return file.content


def write_policy(*, version: PolicyVersion) -> str:
    """Return the version as a policy file, under a comment that says which it is."""
    is_active = version.state == State.ACTIVE and version.activated_at
    standing = f"in force since {version.activated_at:%Y-%m-%d %H:%M} UTC" if is_active else version.state
    place = f" of {version.instance}" if version.instance else ""
    return write_file(version.content, heading=f"{version.policy}{place}, version {version.number}, {standing}")


def compare_versions(*, version: PolicyVersion, other: PolicyVersion | None) -> dict[str, Any]:
    """Return what the version changes in the other; without one, in the built-in policy that has no rules."""
    return compare(other.content if other else {}, version.content)


def _check_draft(version: PolicyVersion) -> None:
    if version.state == State.SHADOW:
        raise VersionInShadow
    if version.state != State.DRAFT:
        raise VersionInForce


def _faults(content: dict[str, Any]) -> Iterator[Fault]:
    yield from (((name,), SHAPE) for name in content if name not in ("rules", "weights", "thresholds"))
    rules = content.get("rules", [])
    if not isinstance(rules, list):
        yield ("rules",), SHAPE
        return
    yield from rule_faults(rules)
    places = {number: rule.get("project") for number, rule in enumerate(rules) if isinstance(rule, dict)}
    unknown = _unknown(rules)
    for number, name in places.items():
        if name in unknown:
            yield ("rules", number, "project"), f"Rule {number + 1} ({rules[number].get('name')}): {_missing(name)}"
    yield from _number_faults("weights", content.get("weights", {}), check_weights)
    yield from _number_faults("thresholds", content.get("thresholds", {}), check_shares)


def _number_faults(part: str, values: Any, check: Callable[[object], None]) -> Iterator[Fault]:
    """Yield what is wrong with each of the numbers, asked one by one so that each has its place."""
    pieces: list[tuple[Path, Any]] = [((part,), values)]
    if isinstance(values, dict):
        pieces = [((part, name), {name: value}) for name, value in values.items()]
    for path, piece in pieces:
        try:
            check(piece)
        except ValidationError as error:
            yield path, " ".join(error.messages)


def _check_destinations(rules: Any) -> None:
    if unknown := _unknown(rules):
        raise Invalid({"rules": [_missing(name) for name in unknown]})


def _unknown(rules: Any) -> list[str]:
    """Return the projects that rules name and that are not registered."""
    entries = [rule.get("project") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    named = {name for name in entries if isinstance(name, str) and name}
    return sorted(named - set(Project.objects.filter(pk__in=named).values_list("pk", flat=True)))


def _missing(name: str) -> str:
    return f"There is no project {name!r}: register it first."
