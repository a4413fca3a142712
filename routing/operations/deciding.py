"""Routing a task: ask, decide, and store the decision with its episode and event in one transaction."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from hopper.common.errors import BROKEN_ROW, HopperError, Invalid
from instances.models import Instance
from projects.models import Project
from routing.models import Decision, Episode, LearnedState, PolicyVersion
from routing.models.decision import DecidedBy
from routing.operations import loading
from routing.operations.counsel import with_counsels
from routing.operations.dossier import Dossier, open_dossier
from routing.operations.evidence import SHOWN_TO_PEOPLE, evidence_of, shown_load
from routing.operations.handing import hand_down
from routing.operations.shadows import decide_in_shadow
from routing.operations.working import remember, with_recent
from routing.policy.types import Choice, Ranked, Roster, TaskView
from tasks import operations as tasks
from tasks.models import Task

log = logging.getLogger(__name__)

ROUTER = "router"
REPLACED = [
    "project", "instance", "asked_instance", "confidence", "reasoning", "alternatives", "outcome", "decided_by",
    "decided_at", "decision_time_ms", "workload_snapshot", "context", "episode", "policy_version",
]  # fmt: skip


class TaskNotPending(HopperError):
    """Only a pending task is routed."""

    code = "not_pending"


def suggest_for(*, task: Task, among: Iterable[str] | None = None, now: datetime | None = None) -> Choice:
    """Decide about a task, stored or not, and store nothing; `among` names the projects that may be told of."""
    now = now or timezone.now()
    view = loading.view_of_task(task, now=now)
    return dossier_about(task=task, view=view, now=now, among=among).decide(view)[0]


def dossier_about(*, task: Task, view: TaskView, now: datetime, among: Iterable[str] | None = None) -> Dossier:
    """Return all that a decision about this task stands on; `among` names the projects that may be told of."""
    dossier = open_dossier(view=view)
    if among is not None:
        names = set(among)
        seen = [candidate for candidate in dossier.knowledge.roster.candidates if candidate.project in names]
        dossier = replace(dossier, knowledge=replace(dossier.knowledge, roster=Roster(seen)))
    return with_recent(with_counsels(dossier, task=task, view=view), task=task, now=now)


def route_task(*, task: Task, actor: str = ROUTER, now: datetime | None = None) -> Decision:
    """Decide where a pending task goes and store the choice, or send it to review when not sure.

    :raises TaskNotPending: if it has been routed already
    """
    if task.status != Task.Status.PENDING:
        raise TaskNotPending(f"The task is {task.status}; only a pending task is routed.", status=task.status)
    now = now or timezone.now()
    view = loading.view_of_task(task, now=now)
    dossier = dossier_about(task=task, view=view, now=now)
    choice, milliseconds = dossier.decide(view)
    decision = _store(task, choice, view, dossier, actor=actor, now=now, milliseconds=milliseconds)
    decide_in_shadow(decision=decision, view=view, dossier=dossier)
    if Instance.objects.may_hand_down(decision.instance_id):
        hand_down(task=task)
    return decision


@transaction.atomic
def assign_task(
    *, task: Task, project: Project | None = None, instance: Instance | None = None, actor: str, reason: str = ""
) -> Decision:
    """Let a person say where a pending task goes.

    :raises Invalid: if neither a project nor an instance is named, or it takes no work
    :raises TransitionNotAllowed: if the task is past routing
    """
    if project is None and instance is None:
        raise Invalid({"project": ["Name the project or the instance that it belongs to."]})
    if project is not None and (why_not := loading.why_inactive(project)):
        raise Invalid({"project": [f"{project.pk} {why_not}: choose another, or make it active first."]})
    if instance is not None and not instance.is_active:
        raise Invalid({"instance": [f"{instance} is {instance.status}: choose another, or make it active first."]})
    if instance is not None and (refusal := _refusal(instance, sender=actor)):
        raise Invalid({"instance": [f"{instance} {refusal}: choose another."]})
    place = instance or (project.instance if project else None)
    text = f"{actor} chose {project.pk if project else instance}{f': {reason}' if reason else '.'}"
    best = Ranked(project.pk if project else None, place.pk if place else None, 1.0, {"human": 1.0}, {"human": text})
    choice = Choice("routed", 1.0, text, DecidedBy.HUMAN, (best,))
    known = {project.pk: project} if project else {}
    policy = loading.load_knowledge().at(task.instance_id).policy
    dossier = Dossier(loading.Knowledge(places=known, policy=policy))
    view = loading.view_of_task(task)
    decision = _store(task, choice, view, dossier, actor=actor, now=timezone.now(), milliseconds=0.0)
    if Instance.objects.may_hand_down(decision.instance_id):
        hand_down(task=task)
    return decision


def route_waiting(*, now: datetime | None = None, limit: int = 100) -> int:
    """Route what no doorbell has rung for, most urgent first; return how many were decided."""
    now = now or timezone.now()
    waiting = [*Task.objects.awaiting_routing(now=now)[:limit], *_outdated(limit)]
    return _route_each(waiting, now)


def _route_each(waiting: Sequence[Task], now: datetime) -> int:
    done = 0
    for task in waiting:
        try:
            route_task(task=task, now=now)
            done += 1
        except HopperError:  # routed, cancelled or deleted meanwhile
            continue
        except BROKEN_ROW:
            log.exception("Task %s cannot be routed as it is stored; the sweep goes on without it.", task.pk)
    return done


def _outdated(limit: int) -> Sequence[Task]:
    """Return what was sent to review before the policy or the learning changed."""
    changed = [
        LearnedState.objects.in_force(loading.STATE).values_list("created_at", flat=True).first(),
        PolicyVersion.objects.in_force().aggregate(last=Max("activated_at"))["last"],
    ]
    since = max((moment for moment in changed if moment), default=None)
    if since is None:
        return []
    stale = Decision.objects.abstained().older_than(since)
    return list(Task.objects.in_review().filter(pk__in=stale.values("pk"))[:limit])


def _refusal(instance: Instance, *, sender: str) -> str | None:
    """Return why the scope of the instance takes no work of this sender, or None if it does."""
    return instance.rules.why_not_receive(instance.facts(now=timezone.now()), sender=sender)


@transaction.atomic
def _store(
    task: Task, choice: Choice, view: TaskView, dossier: Dossier, *, actor: str, now: datetime, milliseconds: float
) -> Decision:
    best = choice.best
    episode = Episode(
        task=task, tags=task.tags, confidence=choice.confidence, strategy=choice.decided_by, routed_at=now,
        chosen_project=best.project if best and choice.is_routed else None,
        chosen_instance=best.instance if best and choice.is_routed else None,
        decision_factors=evidence_of(view, choice, dossier, milliseconds),
    )  # fmt: skip
    told = {"decided_by": choice.decided_by, "episode": episode.pk}
    places: dict[str, Any] = {"confidence": choice.confidence, "reasoning": choice.reasoning, "actor": actor, **told}
    places["changes"] = _changes(task, choice)
    if choice.is_routed and best:
        project, instance = _rows(best, dossier.knowledge.places)
        episode.chosen_scope = instance.scope if instance else None
        tasks.place_task(task=task, project=project, instance=instance, **places)
    else:
        project = instance = None
        tasks.hold_for_review(task=task, **places)
    episode.save(force_insert=True)
    return _keep_decision(task, choice, episode, project, instance, dossier, now=now, milliseconds=milliseconds)


def _changes(task: Task, choice: Choice) -> dict[str, Any]:
    """Return the fields of the task that the rules change."""
    said = choice.changes
    skills = {name: level for name, level in said.require.items() if level > task.required_capabilities.get(name, 0)}
    changes: dict[str, Any] = {}
    if said.priority and said.priority != task.priority:
        changes["priority"] = said.priority
    if new := [tag for tag in dict.fromkeys(said.tags) if tag not in task.tags]:
        changes["tags"] = [*task.tags, *new]
    if skills:
        changes["required_capabilities"] = task.required_capabilities | skills
    return changes


def _rows(best: Ranked, places: Mapping[str, Project]) -> tuple[Project | None, Instance | None]:
    project = places[best.project] if best.project else None
    if project and project.instance_id == best.instance:
        return project, project.instance
    return project, Instance.objects.get(pk=best.instance) if best.instance else None


def _asked(task: Task, choice: Choice, dossier: Dossier) -> str | None:
    """Return the lowest instance above the likeliest places, which is asked if nothing was chosen."""
    if choice.is_routed:
        return None
    if task.instance_id:
        return task.instance_id
    roster = dossier.knowledge.roster
    numbers = [
        roster.index[place.project] for place in choice.ranked[:SHOWN_TO_PEOPLE] if place.project in roster.index
    ]
    paths = [path for number in numbers if (path := roster.candidates[number].path)]
    return next((seat for seat in paths[0] if all(seat in path for path in paths)), None) if paths else None


def _keep_decision(
    task: Task, choice: Choice, episode: Episode, project: Project | None, instance: Instance | None,
    dossier: Dossier, *, now: datetime, milliseconds: float,
) -> Decision:  # fmt: skip
    chosen = choice.ranked if not choice.is_routed else choice.ranked[1:]
    decision = Decision(
        task=task, project=project, instance=instance, asked_instance_id=_asked(task, choice, dossier),
        confidence=choice.confidence, reasoning=choice.reasoning,
        alternatives=[place.as_dict() for place in chosen[:SHOWN_TO_PEOPLE]], outcome=choice.outcome,
        decided_by=choice.decided_by, decided_at=now, decision_time_ms=round(milliseconds, 3),
        workload_snapshot=shown_load(choice, dossier), episode=episode, policy_version_id=dossier.policy.id,
        context={"factors": choice.best.factors if choice.best else {}, "filtered": dict(choice.filtered)},
    )  # fmt: skip
    remember(task=task, project=decision.project_id, at=now)
    # one statement, whether the task had a decision or not
    Decision.objects.bulk_create([decision], update_conflicts=True, unique_fields=["task"], update_fields=REPLACED)
    return decision
