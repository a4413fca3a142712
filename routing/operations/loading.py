"""What a decision needs from the database, kept per process and read anew only when it has changed."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Subquery

from hopper.common.db.rows import read_side_by_side
from hopper.common.durations import read_duration
from instances.models import Instance
from projects.models import Project
from routing.learning.memory import LONGEST_TAIL, Lesson, Memory
from routing.learning.model import Arrays, Model
from routing.models import Decision, EpisodeJudgement, LearnedState, PolicyVersion
from routing.operations.gates import read_gates
from routing.policy.calibration import ANY, Gate
from routing.policy.rules import RuleBook, read_rules
from routing.policy.types import Candidate, Roster, TaskView, text_of
from routing.policy.view import DEFAULT_THRESHOLD, PolicyView
from tasks.models import Task

SECONDS_A_DAY = 86_400
LEXICAL = "lexical"
QUESTIONS = (
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM projects",
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM hopper_instances",
    "SELECT MAX(number) FROM learned_states WHERE kind = 'calibration'",
    "SELECT MAX(id), MAX(version) FROM routing_policy_versions WHERE state = 'active'",
    "SELECT MAX(number) FROM learned_states WHERE kind = 'lexical'",
    "SELECT MAX(updated_at) FROM episode_judgements",
)
COLUMNS = (*["places"] * 7, *["policy"] * 2, "model", "lessons")  # what each column of the answers speaks of


@dataclass(frozen=True)
class Knowledge:
    """What a decision stands on besides the task and the load; `places` are the rows behind the roster."""

    roster: Roster = field(default_factory=lambda: Roster(()))
    places: Mapping[str, Project] = field(default_factory=dict)
    policy: PolicyView = field(default_factory=PolicyView)
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True)
class _Kept:
    """What this process holds and what it was read by; replaced whole, so no reader sees half of a change."""

    knowledge: Knowledge = field(default_factory=Knowledge)
    stamps: tuple[Any, ...] = (None,) * len(COLUMNS)
    learned_until: datetime | None = None


_kept = _Kept()
_lock = threading.Lock()


def forget() -> None:
    """Drop everything this process holds, as a new process would begin."""
    global _kept
    _kept = _Kept()


def load_knowledge() -> Knowledge:
    """Return projects, policy and memory as they stand: one small query while nothing has changed."""
    global _kept
    with _lock:
        stamps = read_side_by_side(*QUESTIONS)
        if stamps != _kept.stamps:
            changed = {name for name, now, was in zip(COLUMNS, stamps, _kept.stamps, strict=True) if now != was}
            _kept = _refreshed(_kept, changed, stamps)
        return _kept.knowledge


def _refreshed(kept: _Kept, changed: set[str], stamps: tuple[Any, ...]) -> _Kept:
    knowledge, until = kept.knowledge, kept.learned_until
    if "places" in changed:
        roster, places = _read_places()
        knowledge = replace(knowledge, roster=roster, places=places)
    if "policy" in changed:
        knowledge = replace(knowledge, policy=_read_policy())
    if changed & {"model", "lessons"}:
        memory, until = _read_model() if "model" in changed else (knowledge.memory, until)
        memory, until = _learn(memory, until)
        knowledge = replace(knowledge, memory=memory)
    return _Kept(knowledge, stamps, until)


def _read_places() -> tuple[Roster, dict[str, Project]]:
    rows = list(Project.objects.select_related("instance").order_by("name"))
    closed = Instance.objects.exclude(status=Instance.Status.ACTIVE).values_list("pk", "status")
    gates = read_gates()
    roster = Roster(
        [_candidate(project, gates.at(project.instance_id)) for project in rows],
        {pk: f"is {why}" for pk, why in closed},
    )
    return roster, {project.pk: project for project in rows}


def _candidate(project: Project, gate: Gate) -> Candidate:
    promised = project.sla.get("completion_time")
    return Candidate(
        project=project.pk, instance=project.instance_id, capabilities=project.capabilities,
        tags=tuple(project.tags), executor_type=project.executor_type, velocity=project.velocity,
        completion_days=read_duration(promised).total_seconds() / SECONDS_A_DAY if promised else None,
        capacity=project.capacity, boost=project.priority_boost, inactive=why_inactive(project),
        gate=gate,
    )  # fmt: skip


def why_inactive(project: Project) -> str | None:
    """Return why a project takes no work, or None if it does."""
    if not project.is_active:
        return "is inactive"
    if project.instance and not project.instance.is_active:
        return f"is served by an instance that is {project.instance.status}"
    return None


def _read_policy() -> PolicyView:
    """Return the active policy version, compiled, or the built-in one that has no rules."""
    active = PolicyVersion.objects.filter(state=PolicyVersion.State.ACTIVE).first()
    return view_of(active) if active else PolicyView()


def view_of(version: PolicyVersion) -> PolicyView:
    """Return a stored policy version, compiled."""
    return PolicyView(
        book=RuleBook(read_rules(version.rules)), weights=version.weights, id=version.pk, number=version.number,
        threshold=version.thresholds.get(ANY, DEFAULT_THRESHOLD), thresholds=version.thresholds,
    )  # fmt: skip


def _read_model() -> tuple[Memory, datetime | None]:
    """Return the newest fitted model, and the moment until which it knows every lesson."""
    state = LearnedState.objects.filter(kind=LEXICAL).order_by("-number").first()
    if state is None:
        return Memory(), None
    model = Model(Arrays.from_bytes(bytes(state.arrays)))
    return Memory(model, state.number), datetime.fromisoformat(state.metrics["judged_until"])


def _learn(memory: Memory, until: datetime | None) -> tuple[Memory, datetime | None]:
    """Let the memory learn what came after the moment; return it with the moment of the last lesson."""
    lessons = EpisodeJudgement.objects.with_text()
    lessons = lessons.changed_after(until) if until else lessons
    fresh = list(lessons.order_by("-updated_at", "-pk")[:LONGEST_TAIL])[::-1]
    if not fresh:
        return memory, until
    return memory.learn(_lesson(judgement) for judgement in fresh), fresh[-1].updated_at


def _lesson(judgement: EpisodeJudgement) -> Lesson:
    task = judgement.episode.task
    return Lesson.of(
        episode=judgement.pk, text=text_of(task.title, task.description, task.tags) if task else "",
        project=judgement.right_project if task else None, reliability=judgement.reliability,
    )  # fmt: skip


def view_of_task(task: Task, *, now: datetime | None = None) -> TaskView:
    """Return a task as routing sees it."""
    days = (task.due_at - now).total_seconds() / SECONDS_A_DAY if task.due_at and now else None
    return TaskView(
        title=task.title, description=task.description or "", tags=tuple(task.tags),
        required=task.required_now, priority=task.priority, requester=task.requester or "",
        project=task.project_id, instance=task.instance_id, executor_preference=task.executor_preference,
        velocity=task.velocity_requirement, days_left=days, passed_over=tuple(task.passed_over),
    )  # fmt: skip


def load_workload() -> dict[str, int]:
    """Return the number of live leases by project."""
    held = Task.objects.filter(status__in=Task.HELD, project__isnull=False).order_by()
    return dict(held.values_list("project").annotate(n=Count("pk")).values_list(F("project"), "n"))


def last_chosen(projects: Sequence[str]) -> dict[str, float]:
    """Return when each of the projects was last given a task, in seconds since 1970; the never chosen are left out."""
    latest = Decision.objects.filter(project=OuterRef("pk")).order_by("-decided_at").values("decided_at")[:1]
    found = Project.objects.filter(pk__in=projects).values_list("pk", Subquery(latest))
    return {name: moment.timestamp() for name, moment in found if moment}
