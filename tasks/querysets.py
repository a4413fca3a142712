"""Every question Hopper asks about tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Least

from hopper.common.db.asked import Asked
from hopper.common.db.clock import Now
from hopper.common.db.graph import Edge, in_subtree, levels_around, reachable
from hopper.common.db.lists import ListOf
from hopper.common.db.words import Among, HasWords, TagNames, Words
from hopper.common.models import Role
from hopper.common.querysets import NearestMixin
from hopper.common.words import SHORTEST_ID, read_question
from tasks import deadlines
from tasks.readiness import CLAIM_ORDER, Executor, all_of, conditions, open_to, unmet

if TYPE_CHECKING:
    from projects.sla import Rule
    from tasks.models import Task, TaskClaim, TaskDependency, TaskEscalation

WORDS = Words("title", TagNames("tags"), "external_id", "description")


class DependencyQuerySet(models.QuerySet["TaskDependency"]):
    """Waits of tasks for tasks."""

    def get_by_natural_key(self, task: str, depends_on: str) -> Any:
        """Return the wait that a fixture means, which names no key of ours."""
        return self.get(task=task, depends_on=depends_on)

    def unmet(self) -> Self:
        """Waits that still hold."""
        return self.filter(unmet())

    def lost(self) -> Self:
        """Waits for what will not come: it failed or was cancelled, or was to fail and was cancelled."""
        for_failure = Q(kind="conditional")
        gone = ~for_failure & Q(depends_on__status__in=("failed", "cancelled"))
        return self.filter(gone | for_failure & Q(depends_on__status="cancelled"))


class ClaimQuerySet(models.QuerySet["TaskClaim"]):
    """Leases that were taken."""

    def get_by_natural_key(self, task: str, fence: int) -> Any:
        """Return the claim that a fixture means, which names no key of ours."""
        return self.get(task=task, fence=fence)


class EscalationQuerySet(models.QuerySet["TaskEscalation"]):
    """Steps of rules that were taken."""

    def get_by_natural_key(self, task: str, rule: str, step: int) -> Any:
        """Return the step that a fixture means, which names no key of ours."""
        return self.get(task=task, rule=rule, step=step)

    def taken(self, rule: "Rule", step: int) -> Self:
        """The times that this step of the rule was taken, once a task."""
        return self.filter(rule=str(rule), step=step)


class TaskQuerySet(NearestMixin, models.QuerySet["Task"]):
    """Tasks; chain the questions like filters."""

    def in_project(self, project: Any) -> Self:
        """Tasks of the project, given as a row or a name."""
        return self.filter(project=project)

    def in_status(self, *statuses: str) -> Self:
        """Tasks in one of the statuses; `open` and `done` are understood."""
        return self.filter(status__in=[self.model.STATUS_ALIASES.get(status, status) for status in statuses])

    def tagged(self, *tags: str) -> Self:
        """Tasks that carry all of the tags."""
        return self.filter(tags__has_keys=list(tags))

    def open(self) -> Self:
        """Tasks that are not over and have not failed."""
        return self.filter(status__in=self.model.OPEN)

    def unheld(self) -> Self:
        """Open tasks that nobody holds, oldest first."""
        return self.open().exclude(status__in=self.model.HELD).order_by("created_at", "pk")

    def search(self, text: str) -> Self:
        """Tasks whose title, tags, external id or description answer (`hopper.common.words`), or of that id."""
        question = read_question(text)
        if not text.strip():
            return self.all()
        named = Q(pk=question.id) | (Q(pk__startswith=question.id) if len(question.id) >= SHORTEST_ID else Q())
        answers = Q(HasWords(WORDS, text)) if question.alternatives else Q()
        wanted = (answers | named) if question.id else answers
        if not wanted:
            return self.none()
        return self.filter(Among("pk", Subquery(self.model._default_manager.filter(wanted).values("pk"))))

    def earlier_beside(self, task: "Task") -> Self:
        """Open tasks that were there before it, in its place: whoever may see it may see them too.

        What has no place yet is seen by those alone who see everything; it is not set beside PERSONAL tasks.
        """
        before = Q(created_at__lt=task.created_at) | Q(created_at=task.created_at, pk__lt=task.pk)
        earlier = self.open().filter(before)
        if task.project_id or task.instance_id:
            return earlier.filter(project=task.project_id, instance=task.instance_id)
        return earlier.exclude(instance__scope="PERSONAL")

    def awaiting_routing(self, *, now: datetime) -> Self:
        """Pending tasks that no person has to look at and whose turn has come, most urgent and oldest first."""
        due = Q(route_after=None) | Q(route_after__lte=now)
        pending = self.filter(due, status=self.model.Status.PENDING, review_required=False)
        return pending.order_by("priority_rank", "created_at", "pk")

    def in_review(self) -> Self:
        """Pending tasks that wait for a person to say where they belong, most urgent and oldest first."""
        waiting = self.filter(status=self.model.Status.PENDING, review_required=True)
        return waiting.order_by("priority_rank", "created_at", "pk")

    def ready(self, executor: Executor | None = None) -> Self:
        """Tasks that may be claimed now (by this executor, if one is named), in the order they are claimed in."""
        return self.filter(all_of(executor)).order_by(*CLAIM_ORDER)

    def not_ready(self, executor: Executor | None = None) -> Self:
        """Open tasks that may not be claimed now (by this executor, if one is named)."""
        return self.open().filter(~all_of(executor))

    def with_conditions(self, executor: Executor | None = None) -> Self:
        """Tasks that know which conditions of ready they meet, as `meets_dependencies` and so on."""
        return self.annotate(**{
            f"meets_{name}": Case(When(condition, then=True), default=False, output_field=models.BooleanField())
            for name, condition in conditions(executor).items()
        })  # fmt: skip

    def stuck(self) -> Self:
        """Open tasks that wait for what will not come: a blocker that failed or was cancelled."""
        waits: Any = self.model.waits_for.rel.related_model._default_manager
        return self.open().filter(pk__in=waits.lost().values("task"))

    def behind(self, task: "Task") -> list["Task"]:
        """Every task that waits for this one, directly or through others, oldest first."""
        return self._others(reachable(task.pk, Edge("task_dependencies", "depends_on_id", "task_id")), task)

    def before(self, task: "Task") -> list["Task"]:
        """Every task that this one waits for, directly or through others, oldest first."""
        return self._others(reachable(task.pk, Edge("task_dependencies", "task_id", "depends_on_id")), task)

    def lineage_of(self, task: "Task") -> list["Task"]:
        """The tasks above this one from the root down, itself, and the subtasks below it, level by level."""
        levels = levels_around(task.pk, "tasks")
        return sorted(self.filter(pk__in=levels), key=lambda row: (levels[row.pk], row.created_at, row.pk))

    def _others(self, keys: set[str], task: "Task") -> list["Task"]:
        return list(self.filter(pk__in=keys - {task.pk}).order_by("created_at", "pk"))

    def expired(self) -> Self:
        """Held tasks whose lease has run out, by the database's clock; longest first."""
        return self.filter(status__in=self.model.HELD, lease_until__lt=Now()).order_by("lease_until", "pk")

    def outwaited(self, limits: Mapping[str, float]) -> Self:
        """Routed tasks that waited longer than the limit of their priority, in seconds, and do not go first yet."""
        since = Coalesce("defer_until", "created_at")
        waited = Q(pk=None)
        for priority, seconds in limits.items():
            waited |= Q(priority=priority, since__lt=Now() - timedelta(seconds=seconds))
        return self.alias(since=since).filter(waited, status="routed", is_aged=False).order_by("created_at", "pk")

    def with_deadlines(self, places: deadlines.Places) -> Self:
        """Tasks with `response_at`, `completion_at`, and the first of both, `breaks_at`; NEVER if there is none."""
        dated = self.annotate(
            response_at=deadlines.response_at(places), completion_at=deadlines.completion_at(places)
        )  # fmt: skip
        return dated.annotate(breaks_at=Least("response_at", "completion_at"))

    def breaking_before(self, moment: datetime, places: deadlines.Places) -> Self:
        """Open tasks with a deadline before the moment, passed ones too; `with_deadlines`."""
        near = self.filter(deadlines.perhaps_before(places, moment), deadlines.IS_OPEN)
        return near.with_deadlines(places).filter(breaks_at__lt=moment)

    def with_place(self) -> Self:
        """Tasks with `place`: where they stand in the queue of their project, from 1; None if they do not queue."""
        columns = ("status", "project_id", "claim_rank", "claim_by", "created_at", "pk")
        return self.annotate(place=Asked(deadlines.AHEAD, *columns, output_field=models.IntegerField()))

    def to_escalate(
        self, rule: "Rule", step: int, projects: Sequence[str | None], *, span: timedelta | None, now: datetime
    ) -> Self:
        """Open tasks for which the step of the rule has come and was not taken yet, in no order.

        `projects` share the rule, None standing for tasks without one; `span` is the promise that it watches over.
        """
        steps: Any = self.model.escalations.rel.related_model._default_manager
        taken = steps.taken(rule, step).filter(task=OuterRef("pk"))
        there = Q(project__in=[name for name in projects if name is not None])
        there |= Q(project=None) if None in projects else Q()
        # a scalar and first, as it is cheap: for EXISTS PostgreSQL would join all steps ever taken
        due = self.alias(taken=Subquery(taken.values("pk")[:1])).filter(there, deadlines.IS_OPEN, taken=None)
        if rule.when == "queue":
            due = due.filter(self._tails(projects, rule.longer_than or 0))
        else:
            due = due.filter(deadlines.reached(rule, moment=now - rule.delay(step), span=span))
        return due.filter(deadlines.open_to(rule))

    def _tails(self, projects: Sequence[str | None], longest: int) -> Q:
        queued = self.model._default_manager.filter(status="routed").order_by(*CLAIM_ORDER)
        found = Q(pk=None)
        for name in projects:
            found |= Q(pk__in=Subquery(queued.filter(project=name).values("pk")[longest:])) if name else Q()
        return found

    def held_with(self, *, fence: int, owner: str | None = None) -> Self:
        """Tasks held under this fence (and by this owner, if one is named)."""
        held = self.filter(fence=fence, status__in=self.model.HELD)
        return held.filter(lease_owner=owner) if owner else held

    def for_principal(self, principal: Any) -> Self:
        """Tasks that the principal may see: of its projects, in its branches, and in no place closed to it."""
        seen = self if principal.may(Role.ADMINISTRATOR) else self.filter(open_to(principal.name))
        if principal.projects:
            seen = seen.filter(project__in=principal.projects)
        if principal.instances:
            seen = seen.filter(in_subtree("instance_id", principal.instances, table="hopper_instances"))
        return seen

    def with_edges(self) -> Self:
        """Tasks with the ids of what they wait for and of what waits for them, in the same query."""
        edges = self.model.waits_for.rel.related_model._default_manager.order_by("pk")
        waits, waited_for = edges.filter(task=OuterRef("pk")), edges.filter(depends_on=OuterRef("pk"))
        return self.annotate(
            depends_on_ids=ListOf(waits.values(value=F("depends_on_id"))),
            blocks_ids=ListOf(waited_for.values(value=F("task_id"))),
        )
