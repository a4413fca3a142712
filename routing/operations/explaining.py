"""Why a task went where it went: the record of its decision, read for people."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.utils import timezone

from routing.models import Decision, Episode, PolicyVersion
from routing.operations import loading
from routing.operations.deciding import dossier_about
from routing.operations.evidence import SHOWN_TO_PEOPLE, evidence_of
from routing.operations.telling import may_tell, told_by_project
from routing.policy.flips import Flip, flips
from routing.policy.replay import as_seen
from routing.policy.view import PolicyView
from tasks.models import Task

SHOWN_FLIPS = 3
SHOWN_PLACES = 5


def explain_task(*, task: Task, among: Collection[str] | None = None) -> dict[str, Any]:
    """Return why the task is to go where it is to go, as JSON values and as one `sentence`; nothing is stored.

    What is not decided yet is explained as it would be decided now (`decided_at` is None then). `among` names the
    projects that may be told of.
    """
    decision = Decision.objects.select_related("episode").filter(task=task).first()
    if decision is None:
        return _explanation_of_now(task, among)
    evidence = decision.episode.decision_factors if decision.episode else {}
    policy = _policy_of(evidence)
    found = flips(evidence, policy, as_seen(evidence, task.description)) if policy else []
    told = {
        "outcome": decision.outcome, "confidence": decision.confidence, "decided_by": decision.decided_by,
        "decided_at": decision.decided_at, "project": decision.project_id, "instance_id": decision.instance_id,
    }  # fmt: skip
    return told | _explanation(evidence, found, decision.reasoning, among)


def _explanation_of_now(task: Task, among: Collection[str] | None) -> dict[str, Any]:
    now = timezone.now()
    view = loading.view_of_task(task, now=now)
    dossier = dossier_about(task=task, view=view, now=now, among=among)
    choice, milliseconds = dossier.decide(view)
    evidence = evidence_of(view, choice, dossier, milliseconds)
    best = choice.best if choice.is_routed else None
    told = {
        "outcome": choice.outcome, "confidence": choice.confidence, "decided_by": choice.decided_by,
        "decided_at": None, "project": best.project if best else None, "instance_id": best.instance if best else None,
    }  # fmt: skip
    return told | _explanation(evidence, flips(evidence, dossier.policy, view), choice.reasoning, among)


def _policy_of(evidence: Mapping[str, Any]) -> PolicyView | None:
    """Return the policy version that the record was made under, if it is still there."""
    key = evidence.get("policy", {}).get("id")
    if key is None:
        return PolicyView()
    version = PolicyVersion.objects.filter(pk=key).first()
    return loading.view_of(version) if version else None


def _explanation(
    evidence: Mapping[str, Any], found: list[Flip], reasoning: str, among: Collection[str] | None
) -> dict[str, Any]:
    places = [place for place in evidence.get("candidates", []) if may_tell(place["project"], among)]
    told = [flip for flip in found if may_tell(flip.project, among)][:SHOWN_FLIPS]
    return {
        "sentence": _sentence(reasoning, evidence.get("outcome"), places, told),
        "threshold": evidence.get("threshold"),
        "known": evidence.get("known"),
        "elsewhere": evidence.get("elsewhere"),
        "policy": evidence.get("policy", {}).get("number"),
        "candidates": places[:SHOWN_PLACES],
        "runner_up": places[1] if len(places) > 1 else None,
        "rules": {
            "votes": told_by_project(found=evidence.get("rules", {}), among=among),
            "forbidden": told_by_project(found=evidence.get("forbidden", {}), among=among),
            "review": evidence.get("review"), "set": evidence.get("changed_by", []),
        },
        "filtered": evidence.get("filtered", {}),
        "removed": told_by_project(found=evidence.get("removed", {}), among=among),
        "nearest": _nearest(evidence, among),
        "history": [near for near in evidence.get("history", []) if may_tell(near["project"], among)],
        "flips": [flip.as_dict() for flip in told],
    }  # fmt: skip


def _nearest(evidence: Mapping[str, Any], among: Collection[str] | None) -> list[dict[str, Any]]:
    """Return the nearest episodes of then with what became of them since."""
    near = [entry for entry in evidence.get("neighbours", []) if may_tell(entry.get("project"), among)]
    outcomes = Episode.objects.filter(pk__in=[entry["episode"] for entry in near]).values_list("pk", "outcome_success")
    known = dict(outcomes)
    return [entry | {"success": known.get(entry["episode"])} for entry in near]


def _sentence(reasoning: str, outcome: str | None, places: Sequence[Mapping[str, Any]], found: list[Flip]) -> str:
    """Return the reasoning with the places beside the chosen one, and the smallest change."""
    parts, routed = [reasoning], outcome == Decision.Outcome.ROUTED
    others = places[1:2] if routed else places[:SHOWN_TO_PEOPLE]
    if others:
        named = ", ".join(f"{place['project']} {place['score']:.0%}" for place in others)
        parts.append(f"{'Next' if routed else 'Nearest'}: {named}.")
    if found:
        then = f"it would go to {found[0].project}" if found[0].project else "a person would be asked"
        parts.append(f"{found[0].change[:1].upper()}{found[0].change[1:]} {then}.")
    return " ".join(parts)
