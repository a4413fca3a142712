"""What a decision needs from the database, kept per process and read anew only when it has changed."""

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError

from hopper.common.db.rows import read_side_by_side
from hopper.common.durations import read_duration
from hopper.common.errors import BROKEN_ROW
from instances.models import Instance
from projects.models import Project
from routing.learning.history import History
from routing.learning.memory import Memory
from routing.models import PolicyVersion
from routing.operations import workload
from routing.operations.gates import Gates, read_gates, way_up
from routing.operations.patterns import read_patterns
from routing.operations.remembering import GLOBAL, STATE, Learned, catch_up, read_attention, read_model
from routing.operations.skills import read_skills
from routing.policy.calibration import ANY
from routing.policy.rules import RuleBook, read_rules
from routing.policy.types import Candidate, Door, Roster, TaskView
from routing.policy.view import DEFAULT_THRESHOLD, PolicyView
from routing.strategies import PatternBook, Proven
from tasks.models import Task

log = logging.getLogger(__name__)

SECONDS_A_DAY = 86_400
SECONDS_AN_HOUR = 3_600
EPOCH = datetime.fromtimestamp(0, UTC)  # a door is told the hour when a task comes
QUESTIONS = (
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM projects",
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM hopper_instances",
    "SELECT MAX(number) FROM learned_states WHERE kind = 'calibration'",
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM routing_policy_versions WHERE state = 'active'",
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM routing_policy_versions WHERE state = 'shadow'",
    f"SELECT MAX(number) FROM learned_states WHERE kind = '{STATE}'",  # noqa: S608 - a constant of ours
    "SELECT MAX(updated_at) FROM episode_judgements",
    "SELECT MAX(weighed_at) FROM episode_judgements",
    "SELECT MAX(weighed_at) FROM attention_weights",
    "SELECT COUNT(*), MAX(updated_at), SUM(version) FROM routing_patterns WHERE is_active",
    "SELECT MAX(number) FROM learned_states WHERE kind = 'skills'",
)
COLUMNS = (  # what each column of the answers speaks of
    *["places"] * 7, *["policy"] * 3, *["challenger"] * 3, "model", *["lessons"] * 2, "attention", *["patterns"] * 3,
    "skills",
)  # fmt: skip


Policies = Mapping[str | None, PolicyView]


@dataclass(frozen=True)
class Knowledge:
    """What a decision stands on besides the task and the load; `places` are the rows behind the roster.

    `policy`, `challenger` and `memory` are those that decide, the house's until `at` has found those of an instance;
    `policies` and `challengers` are all of them by instance (None: the house), and `memories` by scope of attention.
    `seats` has the parent of every instance.
    """

    roster: Roster = field(default_factory=lambda: Roster(()))
    places: Mapping[str, Project] = field(default_factory=dict)
    seats: Mapping[str, str | None] = field(default_factory=dict)
    policy: PolicyView = field(default_factory=PolicyView)
    challenger: PolicyView | None = None
    policies: Policies = field(default_factory=dict)
    challengers: Policies = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    history: History = field(default_factory=History)
    patterns: PatternBook = field(default_factory=PatternBook)
    proven: Proven = field(default_factory=dict)

    def at(self, instance: str | None) -> "Knowledge":
        """Return it with the policy and attention for tasks filed at the instance: the nearest ones upwards.

        A challenger stands beside it if it is as near: one further up would not decide about them.
        """
        way = [*way_up(instance, self.seats), None]
        decider = next((seat for seat in way if seat in self.policies), None)
        beside = next((seat for seat in way[: way.index(decider) + 1] if seat in self.challengers), None)
        scope = next((seat for seat in way if seat in self.memories), GLOBAL)
        return replace(
            self, policy=self.policies.get(decider, PolicyView()), challenger=self.challengers.get(beside),
            memory=self.memories.get(scope or GLOBAL, self.memory),
        )  # fmt: skip


@dataclass(frozen=True)
class _Kept:
    """What this process holds and what it was read by; replaced whole, so no reader sees half of a change."""

    knowledge: Knowledge = field(default_factory=Knowledge)
    stamps: tuple[Any, ...] = (None,) * len(COLUMNS)
    learned: Learned = field(default_factory=Learned)


_kept = _Kept()
_lock = threading.Lock()


def forget() -> None:
    """Drop everything this process holds, as a new process would begin."""
    global _kept
    workload.forget()
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
    knowledge, learned = kept.knowledge, kept.learned
    if "places" in changed:
        roster, places, seats = _read_places()
        knowledge = replace(knowledge, roster=roster, places=places, seats=seats)
    if "policy" in changed:
        knowledge = replace(knowledge, policies=_read_policies())
    if "challenger" in changed:
        knowledge = replace(knowledge, challengers=_read_challengers())
    if changed & {"model", "lessons"}:
        learned = catch_up(read_model() if "model" in changed else learned)
    if changed & {"model", "lessons", "attention"}:
        if changed & {"model", "attention"}:
            learned = replace(learned, attention=read_attention())
        knowledge = replace(knowledge, memories=learned.memories, history=learned.history)
    if "patterns" in changed:
        knowledge = replace(knowledge, patterns=read_patterns())
    if "skills" in changed:
        knowledge = replace(knowledge, proven=read_skills())
    return _Kept(knowledge.at(None), stamps, learned)


def _read_places() -> tuple[Roster, dict[str, Project], dict[str, str | None]]:
    rows = list(Project.objects.select_related("instance").order_by("name"))
    doors = _doors({project.instance_id for project in rows if project.instance_id})
    closed = Instance.objects.exclude(status=Instance.Status.ACTIVE).values_list("pk", "status")
    gates = read_gates()
    roster = Roster(
        [_candidate(project, doors.get(project.instance_id or "", ()), gates) for project in rows],
        {pk: f"is {why}" for pk, why in closed},
    )
    return roster, {project.pk: project for project in rows}, gates.seats


def _doors(keys: set[str]) -> dict[str, tuple[Door, ...]]:
    """Return the doors on the way to each instance that do not let everybody in at all times."""
    seats = {row.pk: row for row in Instance.objects.with_paths_to(sorted(keys))} if keys else {}
    return {key: tuple(_doors_on_way(seats, key)) for key in keys}


def _doors_on_way(seats: Mapping[str, Instance], key: str | None) -> Iterator[Door]:
    for _ in range(len(seats)):  # a circle ends
        seat = seats.get(key or "")
        if seat is None:
            return
        if seat.rules.has_door:
            yield Door(seat.rules, seat.facts(now=EPOCH))
        key = seat.parent_id


def _candidate(project: Project, doors: tuple[Door, ...], gates: Gates) -> Candidate:
    promised = project.sla.get("completion_time")
    return Candidate(
        project=project.pk, instance=project.instance_id, capabilities=project.capabilities,
        tags=tuple(project.tags), executor_type=project.executor_type, velocity=project.velocity,
        completion_days=read_duration(promised).total_seconds() / SECONDS_A_DAY if promised else None,
        capacity=project.capacity, boost=project.priority_boost, inactive=why_inactive(project),
        doors=doors, gate=gates.at(project.instance_id), path=tuple(way_up(project.instance_id, gates.seats)),
    )  # fmt: skip


def why_inactive(project: Project) -> str | None:
    """Return why a project takes no work, or None if it does."""
    if not project.is_active:
        return "is inactive"
    if project.instance and not project.instance.is_active:
        return f"is served by an instance that is {project.instance.status}"
    return None


def _read_policies() -> Policies:
    """Return the active policy versions, compiled, by instance."""
    return {version.instance_id: view_of(version) for version in PolicyVersion.objects.in_force()}


def _read_challengers() -> Policies:
    """Return the versions in shadow, compiled; one that is stored broken is left out, so that work goes on."""
    found: dict[str | None, PolicyView] = {}
    for version in PolicyVersion.objects.in_shadow():
        try:
            found[version.instance_id] = view_of(version)
        except (ValidationError, *BROKEN_ROW):
            log.exception("The policy version in shadow cannot be read; nothing decides beside the one in force.")
    return found


def view_of(version: PolicyVersion) -> PolicyView:
    """Return a stored policy version, compiled."""
    return PolicyView(
        book=RuleBook(read_rules(version.rules)), weights=version.weights, id=version.pk, number=version.number,
        threshold=version.thresholds.get(ANY, DEFAULT_THRESHOLD), thresholds=version.thresholds,
        explore=version.thresholds.get("explore", 0.0), instance=version.instance_id,
    )  # fmt: skip


def view_of_task(task: Task, *, now: datetime | None = None) -> TaskView:
    """Return a task as routing sees it."""
    days = (task.due_at - now).total_seconds() / SECONDS_A_DAY if task.due_at and now else None
    return TaskView(
        title=task.title, description=task.description or "", tags=tuple(task.tags),
        required=task.required_now, priority=task.priority, requester=task.requester or "",
        project=task.project_id, instance=task.instance_id, executor_preference=task.executor_preference,
        velocity=task.velocity_requirement, days_left=days, passed_over=tuple(task.passed_over), id=task.pk,
        source=task.source, platform=task.external_platform, owner=task.owner, conversation=task.conversation_id,
        effort_hours=_hours(task.estimated_effort), at=now.timestamp() if now else 0.0,
    )  # fmt: skip


def _hours(effort: str | None) -> float | None:
    """Return the estimate in hours; what is no duration says nothing."""
    try:
        return read_duration(effort).total_seconds() / SECONDS_AN_HOUR if effort else None
    except ValidationError:
        return None
