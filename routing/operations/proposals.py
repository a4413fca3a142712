"""Rules that learned patterns suggest: each is tried on stored episodes, and a person says yes or no."""

import hashlib
import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from hopper.common.errors import HopperError
from hopper.events import operations as log
from projects.models import Project
from routing.models import Pattern, Policy, PolicyVersion, Proposal
from routing.operations.backtests import compare_policies, readable
from routing.operations.policies import State, change_version, create_policy, create_version
from routing.policy.rules import read_rules

POLICY = "Learned rules"  # where no policy is in force
FEWEST = 0.5  # what holds less often than this makes no rule
MOST_AT_ONCE = 10  # in a night, the surest first: each is tried on this many decisions
TRIED_ON = 500


class ProposalSettled(HopperError):
    """Somebody has answered this proposal already."""

    code = "proposal_settled"


def propose_rules(*, actor: str = log.HOPPER) -> list[Proposal]:
    """Propose a rule for active learned patterns that had none, ten at most; forget those of patterns now off."""
    Proposal.objects.open().filter(pattern__is_active=False).delete()
    active = PolicyVersion.objects.in_force().at(None).first()
    known = set(Proposal.objects.values_list("rule_hash", flat=True))
    made: list[Proposal] = []
    for pattern in Pattern.objects.active().learned().filter(confidence__gt=FEWEST).order_by("-confidence", "pk"):
        rule = rule_of(pattern) if len(made) < MOST_AT_ONCE else None
        if rule and (digest := _hash(rule)) not in known and _is_usable(rule):
            known.add(digest)
            made.append(_propose(pattern, rule, digest, active, actor))
    return made


def rule_of(pattern: Pattern) -> dict[str, Any] | None:
    """Return the rule that says what the pattern says, or None for one that names no project or nothing to match."""
    parts: list[dict[str, Any]] = []
    if pattern.tag_criteria:
        parts.append({"all_tags": list(pattern.tag_criteria)})
    if pattern.text_criteria:
        parts.append({"keyword": list(pattern.text_criteria)})
    if pattern.priority_criteria:
        parts.append({"priority": pattern.priority_criteria})
    if not parts or not pattern.target_project:
        return None
    rule = {
        "name": f"Learned: {pattern.name}", "when": parts[0] if len(parts) == 1 else {"all": parts},
        "project": pattern.target_project,
    }  # fmt: skip
    return rule | ({"forbid": True} if pattern.is_anti_pattern else {"weight": round(pattern.confidence, 3)})


@transaction.atomic
def accept_proposal(*, proposal: Proposal, actor: str) -> Proposal:
    """Write the rule into a draft of the policy in force; the draft is then tried and activated like any other.

    :raises ProposalSettled: if it was answered before
    """
    proposal = _lock_open(proposal)
    draft = _open_draft(actor)
    proposal.draft = change_version(version=draft, rules=[*draft.rules, proposal.rule], actor=actor)
    return _settle(proposal, Proposal.State.ACCEPTED, actor)


@transaction.atomic
def dismiss_proposal(*, proposal: Proposal, actor: str) -> Proposal:
    """Leave the rule out; it is not proposed again.

    :raises ProposalSettled: if it was answered before
    """
    return _settle(_lock_open(proposal), Proposal.State.DISMISSED, actor)


def _propose(pattern: Pattern, rule: dict[str, Any], digest: str, active: PolicyVersion | None, actor: str) -> Proposal:
    content = active.content if active else {"rules": [], "weights": {}, "thresholds": {}}
    tried = PolicyVersion(**{**content, "rules": [*content["rules"], rule]})
    report = compare_policies(view=readable(tried), baseline=active, newest=TRIED_ON)
    proposal = Proposal(pattern=pattern, rule=rule, rule_hash=digest, report=report)
    return log.create_row(proposal, kind="proposal.made", actor=actor)


def _open_draft(actor: str) -> PolicyVersion:
    """Return the draft that holds what was accepted since the policy in force was activated, or a new copy of that."""
    active = PolicyVersion.objects.in_force().at(None).select_related("policy").first()
    drafts = PolicyVersion.objects.at(None).filter(proposals__state=Proposal.State.ACCEPTED, state=State.DRAFT)
    drafts = drafts.filter(created_at__gt=active.activated_at) if active else drafts
    if draft := drafts.order_by("-created_at", "-pk").first():
        return draft
    if active:
        return create_version(policy=active.policy, actor=actor, **active.content)
    policy = Policy.objects.filter(name=POLICY).first() or create_policy(name=POLICY, actor=actor)
    return create_version(policy=policy, actor=actor)


def _lock_open(proposal: Proposal) -> Proposal:
    proposal = log.lock_row(proposal)
    if proposal.state != Proposal.State.PROPOSED:
        raise ProposalSettled(f"This proposal was {proposal.state} by {proposal.settled_by}.")
    return proposal


def _settle(proposal: Proposal, state: str, actor: str) -> Proposal:
    proposal.state, proposal.settled_by = state, actor[:100]
    return log.save_row(proposal, kind=f"proposal.{state}", actor=actor)


def _is_usable(rule: dict[str, Any]) -> bool:
    """Tell whether the rule can be read and its project is there."""
    try:
        read_rules([rule])
    except ValidationError:
        return False
    return Project.objects.filter(pk=rule["project"]).exists()


def _hash(rule: dict[str, Any]) -> str:
    said = {key: value for key, value in rule.items() if key not in ("name", "weight")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
