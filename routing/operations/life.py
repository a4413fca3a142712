"""The life of a policy version: draft → shadow → active → retired, and back by one step."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from hopper.common.db.graph import graph_lock
from hopper.common.errors import HopperError, Invalid
from hopper.events import operations as log
from instances.models import Instance
from routing.models import Policy, PolicyVersion
from routing.operations.backtests import backtest_version, why_untested
from routing.operations.policies import State, VersionInForce, create_policy, create_version
from routing.policy.files import SHAPE


class BacktestNeeded(HopperError):
    """Backtest this version first: what it would change is not known."""

    code = "backtest_needed"


class NotInForce(HopperError):
    """No version of this policy is in force, so there is nothing to roll back."""

    code = "not_in_force"


class NothingBefore(HopperError):
    """No version was in force before this one: activate the one that you want."""

    code = "nothing_before"


@transaction.atomic
def activate_version(*, version: PolicyVersion, actor: str, force: bool = False) -> PolicyVersion:
    """Put a version in force at its place and retire the one before it there; a retired version can come back.

    Where a version is in force there, one that never was needs a backtest of just this content against it. `force` goes
    without, and the event says so.

    :raises BacktestNeeded: if there is no such report
    """
    before = _lock_active(version.instance_id)
    version = log.lock_row(version)
    if before == version:
        return version
    why_not = why_untested(version=version, baseline=before) if before and not version.activated_at else None
    if why_not and not force:
        raise BacktestNeeded(why_not)
    version.replaces = before
    return _put_in_force(version, before, actor=actor, **({"forced": why_not} if why_not else {}))


@transaction.atomic
def roll_back(*, policy: Policy, actor: str) -> PolicyVersion:
    """Put back in force what stood before the version of this policy that is; a second time goes one further back.

    :raises NotInForce: if no version of the policy is in force
    :raises NothingBefore: if there was none before it
    """
    now = _lock_active(policy.instance_id)
    if now is None or now.policy_id != policy.pk:
        raise NotInForce
    if now.replaces is None:
        raise NothingBefore
    before = log.lock_row(now.replaces)
    return _put_in_force(before, now, actor=actor, rolled_back=now.number)


@transaction.atomic
def start_shadow(*, version: PolicyVersion, actor: str) -> PolicyVersion:
    """Let a draft decide in silence; another that does at the same place becomes a draft again.

    :raises VersionInForce: if it is or was in force
    """
    graph_lock("policies")
    version = log.lock_row(version)
    if version.state == State.SHADOW:
        return version
    if version.state != State.DRAFT:
        raise VersionInForce
    for other in PolicyVersion.objects.in_shadow().at(version.instance_id).select_for_update():
        _leave_shadow(other, actor)
    version.state, version.shadowed_at = State.SHADOW, timezone.now()
    return log.save_row(version, kind="policy_version.shadowed", actor=actor, number=version.number)


@transaction.atomic
def stop_shadow(*, version: PolicyVersion, actor: str) -> PolicyVersion:
    """Make the version in shadow a draft again; what it would have decided is kept."""
    version = log.lock_row(version)
    return _leave_shadow(version, actor) if version.state == State.SHADOW else version


def load_policy(
    *, name: str, content: Any, actor: str, activate: bool = True, instance: Instance | None = None
) -> PolicyVersion:
    """Make a new version from the content of a policy file, backtest it and, unless told otherwise, put it in force.

    `content` is a list of rules, or an object with `rules`, `weights` and `thresholds`. The backtest takes its time
    outside of any transaction, so a draft is left if somebody else activates a version meanwhile. A policy that is not
    there yet begins, of the house or of the `instance`.

    :raises Invalid: naming each rule, weight or threshold that is wrong
    :raises BacktestNeeded: if another version came into force meanwhile
    """
    content = {"rules": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or set(content) - {"rules", "weights", "thresholds"}:
        raise Invalid({"rules": [SHAPE]})
    with transaction.atomic():
        policy = Policy.objects.filter(name=name).first()
        policy = policy or create_policy(name=name, instance=instance, actor=actor)
        if instance not in (None, policy.instance):
            raise Invalid({"instance": [f"The policy {name} is that of {policy.instance or 'the whole house'}."]})
        version = create_version(policy=policy, actor=actor, **content)
    if not activate:
        return version
    backtest_version(version=version, actor=actor)
    return activate_version(version=version, actor=actor)


def _lock_active(instance: str | None) -> PolicyVersion | None:
    graph_lock("policies")  # whoever comes second sees what the first has put in force
    return PolicyVersion.objects.in_force().at(instance).select_for_update().first()


def _put_in_force(version: PolicyVersion, before: PolicyVersion | None, *, actor: str, **told: Any) -> PolicyVersion:
    if before:
        before.state = State.RETIRED
        log.save_row(before, kind="policy_version.retired", actor=actor)
    version.state, version.activated_at = State.ACTIVE, timezone.now()
    return log.save_row(version, kind="policy_version.activated", actor=actor, number=version.number, **told)


def _leave_shadow(version: PolicyVersion, actor: str) -> PolicyVersion:
    version.state = State.DRAFT
    return log.save_row(version, kind="policy_version.unshadowed", actor=actor, number=version.number)
