"""What ready means, condition by condition: the list, the claim and the explanation all stand on these.

Every question is about keys with an index and none looks at finished tasks, so the cost does not grow with them.
They are SQL, which both databases read: as nested querysets they took longer to build than to ask.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import IntegerField, Q

from hopper.common.db.asked import Asked, AskedOfRow, Usual
from instances.scopes import name_of

CLAIM_ORDER = ("claim_rank", "claim_by", "created_at", "pk")  # aged by age; then by priority, due date and age

# Scalar subqueries, not EXISTS: PostgreSQL would hash every finished task to answer that for many rows at once.
_STATUS = "(SELECT b.status FROM tasks b WHERE b.id = {2})"
_CHILDREN = "(SELECT COUNT(*) FROM tasks c WHERE c.parent_id = {2} AND c.status %s 'completed')"
UNMET = f"""NOT CASE
    WHEN {{0}} = 'blocks' THEN {_STATUS} = 'completed'
    WHEN {{0}} = 'conditional' THEN {_STATUS} = 'failed'
    WHEN {{1}} = 'any' THEN {_CHILDREN % "="} > 0
    ELSE {_STATUS} = 'completed' OR ({_CHILDREN % "="} > 0 AND {_CHILDREN % "<>"} = 0) END"""
NO_DEPENDENCY_UNMET = f"""(
    SELECT 1 FROM task_dependencies d WHERE d.task_id = {{row}}.id
    AND {UNMET.format("d.kind", "d.quorum", "d.depends_on_id")} LIMIT 1) IS NULL"""  # noqa: S608
NO_OPEN_SUBTASK = """(
    SELECT 1 FROM tasks c WHERE c.parent_id = {row}.id
    AND c.status IN ('pending', 'routed', 'claimed', 'in_progress', 'blocked') LIMIT 1) IS NULL"""
NOTHING_ABOVE_STOPPED = """({row}.parent_id IS NULL OR (
    WITH RECURSIVE above(id, depth) AS (
        SELECT {row}.parent_id, 0 UNION ALL
        SELECT n.parent_id, above.depth + 1 FROM tasks n JOIN above ON n.id = above.id
        WHERE n.parent_id IS NOT NULL AND above.depth < 16
    ) SELECT 1 FROM above
    WHERE (SELECT n.status FROM tasks n WHERE n.id = above.id) IN ('blocked', 'failed', 'cancelled')
    LIMIT 1) IS NULL)"""
# GLOBAL and FEDERATED hand work on; an instance that waits for its last task to end has what is there worked on.
INSTANCE_ACTIVE = """({row}.instance_id IS NULL OR (
    SELECT i.scope NOT IN ('GLOBAL', 'FEDERATED') AND (i.status = 'active' OR COALESCE(i.closing, '') = 'wait')
    FROM hopper_instances i WHERE i.id = {row}.instance_id))"""
NOT_ON_OFFER = """(
    SELECT 1 FROM task_delegations h WHERE h.task_id = {row}.id AND h.status = 'pending' LIMIT 1) IS NULL"""
PROJECT_ACTIVE = "({row}.project IS NULL OR (SELECT p.is_active FROM projects p WHERE p.name = {row}.project))"
PROJECT_HAS_ROOM = """({row}.project IS NULL OR {row}.project NOT IN (
    SELECT p.name FROM projects p WHERE p.capacity IS NOT NULL AND p.capacity <= (
        SELECT COALESCE(SUM(h.lease_cost), 0) FROM tasks h
        WHERE h.project = p.name AND h.status IN ('claimed', 'in_progress'))))"""
CONDITIONS: dict[str, Any] = {
    "status": Usual("{0} = 'routed'", "status"),
    "attempts": AskedOfRow("{row}.attempts < {row}.max_attempts"),
    "deferred": AskedOfRow("{row}.defer_until IS NULL OR {row}.defer_until <= {now}"),
    "dependencies": AskedOfRow(NO_DEPENDENCY_UNMET),
    "subtasks": AskedOfRow(NO_OPEN_SUBTASK),
    "parent": AskedOfRow(NOTHING_ABOVE_STOPPED),
    "offer": AskedOfRow(NOT_ON_OFFER),
    "instance": AskedOfRow(INSTANCE_ACTIVE),
    "project": AskedOfRow(PROJECT_ACTIVE),
    "capacity": AskedOfRow(PROJECT_HAS_ROOM),
}
SOMEBODY = "\x00somebody"  # whom nobody can be
OPEN_TASKS_BEHIND = """(
    WITH RECURSIVE behind(id, depth) AS (
        SELECT {0}, 0 UNION
        SELECT d.task_id, behind.depth + 1 FROM task_dependencies d JOIN behind ON d.depends_on_id = behind.id
        JOIN tasks n ON n.id = d.task_id AND n.status IN ('pending', 'routed', 'blocked')
        WHERE behind.depth < 64
    ) SELECT COUNT(DISTINCT id) - 1 FROM behind)"""


@dataclass(frozen=True)
class Executor:
    """Who wants work: `ada`, or `ada/laptop` with the label she gives to one of hers, and its type if it tells.

    Types are human, agent, orchestration and so on. A label is the client's own word: it opens nothing.
    """

    holder: str
    kind: str | None = None

    @property
    def who(self) -> str:
        """The account or key that asks."""
        return name_of(self.holder)

    @property
    def label(self) -> str | None:
        """The word by which one of its executors is told from another."""
        return self.holder.partition("/")[2] or None

    @property
    def answers_to(self) -> list[str]:
        """The words by which a task may ask for it."""
        return [word for word in (self.who, self.label, self.kind) if word]


def conditions(executor: Executor | None = None) -> dict[str, Any]:
    """Return the conditions of ready by name; all hold for a task that may be claimed now.

    Without an executor the question is whether anybody may claim it.
    """
    return CONDITIONS | ({"executor": _allowed(executor)} if executor else {})


def all_of(executor: Executor | None = None) -> Q:
    """Return the conditions as one."""
    others = conditions(executor)
    return Q(others.pop("status")) & Q(AskedOfRow.all_of(others.values()))


def unmet() -> Asked:
    """Return whether a wait still holds: failure and cancellation never fulfil one (fail closed)."""
    return Asked(UNMET, "kind", "quorum", "depends_on_id")


def open_tasks_behind() -> Asked:
    """Return how many open tasks wait for this one, directly or through others, each counted once."""
    return Asked(OPEN_TASKS_BEHIND, "pk", output_field=IntegerField())


def _allowed(executor: Executor) -> AskedOfRow:
    """Return whether the task is for such an executor, and its place open to whoever that is."""
    place = open_to(executor.who)
    if not executor.kind:
        return place
    words = executor.answers_to
    wanted = (
        f"({{row}}.executor_preference IS NULL OR {{row}}.executor_preference IN ({', '.join(['%s'] * len(words))}))"
    )
    return AskedOfRow.all_of([AskedOfRow(wanted, words), place])


def open_to(who: str) -> AskedOfRow:
    """Return whether the task is in no place that is closed to this person or program."""
    sql, values = _closed_places()
    return AskedOfRow(
        f"({{row}}.instance_id IS NULL OR {{row}}.instance_id NOT IN ({sql}))",
        [who if value == SOMEBODY else value for value in values],
    )


@cache
def _closed_places() -> tuple[str, tuple[Any, ...]]:
    """Return the question for the places that are closed to SOMEBODY, built once: that takes longer than asking."""
    instances: Any = apps.get_model("instances.Instance")._default_manager
    return instances.closed_to(SOMEBODY).values("pk").query.sql_with_params()
