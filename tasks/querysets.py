"""Every question Hopper asks about tasks."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL

from hopper.common.db.clock import Now
from hopper.common.db.graph import subtree_sql
from hopper.common.db.lists import ListOf
from hopper.common.db.words import Among, HasWords, TagNames, Words
from hopper.common.querysets import NearestMixin
from hopper.common.words import SHORTEST_ID, read_question

if TYPE_CHECKING:
    from tasks.models import Task, TaskClaim, TaskDependency

WORDS = Words("title", TagNames("tags"), "external_id", "description")


class DependencyQuerySet(models.QuerySet["TaskDependency"]):
    """Waits of tasks for tasks."""

    def get_by_natural_key(self, task: str, depends_on: str) -> Any:
        """Return the wait that a fixture means, which names no key of ours."""
        return self.get(task=task, depends_on=depends_on)


class ClaimQuerySet(models.QuerySet["TaskClaim"]):
    """Leases that were taken."""

    def get_by_natural_key(self, task: str, fence: int) -> Any:
        """Return the claim that a fixture means, which names no key of ours."""
        return self.get(task=task, fence=fence)


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

    def unblocked(self) -> Self:
        """Tasks whose every blocker is completed; a failed or cancelled blocker keeps them waiting."""
        blockers = self.model.waits_for.rel.related_model._default_manager.filter(task=OuterRef("pk"))
        return self.filter(~Exists(blockers.exclude(depends_on__status=self.model.Status.COMPLETED)))

    def ready(self) -> Self:
        """Tasks that may be claimed now, by the database's clock: routed, unblocked, not deferred, tries left."""
        due = Q(defer_until=None) | Q(defer_until__lte=Now())
        routed = self.filter(due, status=self.model.Status.ROUTED, attempts__lt=F("max_attempts"))
        return routed.unblocked().order_by("priority_rank", "created_at", "pk")

    def held_with(self, *, fence: int, owner: str | None = None) -> Self:
        """Tasks held under this fence (and by this owner, if one is named)."""
        held = self.filter(fence=fence, status__in=self.model.HELD)
        return held.filter(lease_owner=owner) if owner else held

    def for_principal(self, principal: Any) -> Self:
        """Tasks that the principal may see: those of its projects, and those in its branches."""
        seen = self
        if principal.projects:
            seen = seen.filter(project__in=principal.projects)
        if principal.instances:
            branches = subtree_sql("hopper_instances", count=len(principal.instances))
            seen = seen.filter(instance__in=RawSQL(branches, list(principal.instances)))  # noqa: S611
        return seen

    def with_edges(self) -> Self:
        """Tasks with the ids of what they wait for and of what waits for them, in the same query."""
        edges = self.model.waits_for.rel.related_model._default_manager.order_by("pk")
        waits, waited_for = edges.filter(task=OuterRef("pk")), edges.filter(depends_on=OuterRef("pk"))
        return self.annotate(
            depends_on_ids=ListOf(waits.values(value=F("depends_on_id"))),
            blocks_ids=ListOf(waited_for.values(value=F("task_id"))),
        )
