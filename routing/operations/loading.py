"""What a decision needs from the database, kept per process and refreshed by a few small queries."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Sum

from hopper.common.durations import read_duration
from instances.models import Instance
from projects.models import Project
from routing.learning.memory import LONGEST_TAIL, Lesson, Memory
from routing.learning.model import Arrays, Model
from routing.models import EpisodeJudgement, LearnedState, PolicyVersion
from routing.policy.decide import DEFAULT_THRESHOLD, PolicyView
from routing.policy.rules import RuleBook, read_rules
from routing.policy.types import Candidate, Roster, TaskView, text_of
from tasks.models import Task

SECONDS_A_DAY = 86_400
LEXICAL = "lexical"


@dataclass
class _Kept:
    """What this process holds; replaced whole, so a reader never sees half of a change."""

    roster_key: Any = None
    roster: Roster = field(default_factory=lambda: Roster(()))
    policy: PolicyView = field(default_factory=PolicyView)
    policy_key: Any = None
    memory: Memory = field(default_factory=Memory)
    learned_until: datetime | None = None


_kept = _Kept()
_lock = threading.Lock()


def forget() -> None:
    """Drop everything this process holds, as a new process would begin."""
    global _kept
    _kept = _Kept()


def load_roster() -> Roster:
    """Return every project as a candidate; read anew when a project or an instance has changed."""
    stamp = {"n": Count("pk"), "at": Max("updated_at"), "changes": Sum("version")}
    key = [model._default_manager.aggregate(**stamp) for model in (Project, Instance)]
    if _kept.roster_key != key:
        rows = Project.objects.select_related("instance").order_by("name")
        closed = Instance.objects.exclude(status=Instance.Status.ACTIVE).values_list("pk", "status")
        _kept.roster = Roster([_candidate(project) for project in rows], {pk: f"is {why}" for pk, why in closed})
        _kept.roster_key = key
    return _kept.roster


def _candidate(project: Project) -> Candidate:
    promised = project.sla.get("completion_time")
    return Candidate(
        project=project.pk, instance=project.instance_id, capabilities=project.capabilities,
        tags=tuple(project.tags), executor_type=project.executor_type, velocity=project.velocity,
        completion_days=read_duration(promised).total_seconds() / SECONDS_A_DAY if promised else None,
        capacity=project.capacity, boost=project.priority_boost, inactive=why_inactive(project),
    )  # fmt: skip


def why_inactive(project: Project) -> str | None:
    """Return why a project takes no work, or None if it does."""
    if not project.is_active:
        return "is inactive"
    if project.instance and not project.instance.is_active:
        return f"is served by an instance that is {project.instance.status}"
    return None


def load_policy_view() -> PolicyView:
    """Return the active policy version, compiled, or the built-in one that has no rules."""
    active = PolicyVersion.State.ACTIVE
    found = PolicyVersion.objects.filter(state=active).values_list("pk", "version").first()
    if _kept.policy_key != found:
        row = PolicyVersion.objects.get(pk=found[0]) if found else None
        _kept.policy = view_of(row) if row else PolicyView()
        _kept.policy_key = found
    return _kept.policy


def view_of(version: PolicyVersion) -> PolicyView:
    """Return a stored policy version, compiled."""
    return PolicyView(
        book=RuleBook(read_rules(version.rules)), weights=version.weights, id=version.pk, number=version.number,
        threshold=version.thresholds.get("confidence", DEFAULT_THRESHOLD),
    )  # fmt: skip


def load_memory() -> Memory:
    """Return the newest fitted model with every lesson that came after it."""
    newest = LearnedState.objects.filter(kind=LEXICAL).order_by("-number").values("number").first()
    number = newest["number"] if newest else 0
    with _lock:
        if _kept.memory.number != number:
            _take_over(number)
        lessons = EpisodeJudgement.objects.with_text()
        if _kept.learned_until:
            lessons = lessons.changed_after(_kept.learned_until)
        fresh = list(lessons.order_by("-updated_at", "-pk")[:LONGEST_TAIL])[::-1]
        if fresh:
            _kept.memory = _kept.memory.learn(_lesson(judgement) for judgement in fresh)
            _kept.learned_until = fresh[-1].updated_at
        return _kept.memory


def _take_over(number: int) -> None:
    """Swap the model; lessons that it has not seen are read again after it."""
    state = LearnedState.objects.filter(kind=LEXICAL, number=number).first()
    if state:
        _kept.memory = Memory(Model(Arrays.from_bytes(bytes(state.arrays))), number)
        _kept.learned_until = datetime.fromisoformat(state.metrics["judged_until"])
    else:
        _kept.memory, _kept.learned_until = Memory(), None


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
        required=task.required_capabilities, priority=task.priority, requester=task.requester or "",
        project=task.project_id, instance=task.instance_id, executor_preference=task.executor_preference,
        velocity=task.velocity_requirement, days_left=days,
    )  # fmt: skip


def load_workload() -> dict[str, int]:
    """Return the number of live leases by project."""
    held = Task.objects.filter(status__in=Task.HELD, project__isnull=False).order_by()
    return dict(held.values_list("project").annotate(n=Count("pk")).values_list(F("project"), "n"))
