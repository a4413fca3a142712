"""Every question about decisions, episodes, judgements, patterns and delegations."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Avg, Count, F, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject, Left, TruncDate

from hopper.common.db.clock import Now
from hopper.common.models import Role
from hopper.common.querysets import NearestMixin
from instances.models import Instance
from routing.learning.criteria import LONGEST_TEXT
from tasks.models import Task

if TYPE_CHECKING:
    from routing.models import (
        AdviserQuestion,
        Backtest,
        ConsolidationRun,
        Decision,
        Delegation,
        Duplicate,
        Episode,
        EpisodeJudgement,
        LearnedState,
        Pattern,
        Policy,
        PolicyVersion,
        Proposal,
        ShadowChoice,
        TaskAdvice,
        TaskEmbedding,
    )

Row = TypeVar("Row", bound=models.Model)
LOW_CONFIDENCE = 0.6
LESSON = [
    "right_project", "reliability", "updated_at", "episode__strategy", "episode__task__title",
    "episode__task__description", "episode__task__tags",
]  # fmt: skip


class ScopedByProject(models.QuerySet[Row]):
    """Rows that name a project in `project_column`."""

    project_column = "project"

    def for_principal(self, principal: Any) -> Self:
        """Rows that the principal may see: of its projects, if it is limited to some."""
        if principal.instances:
            return self.none()  # decisions span branches: a branch key sees its tasks' own decision instead
        return self.filter(**{f"{self.project_column}__in": principal.projects}) if principal.projects else self.all()


class DecisionQuerySet(ScopedByProject["Decision"]):
    """Current decisions; chain the questions like filters."""

    def for_task(self, task: Any) -> Self:
        """The decision of one task."""
        return self.filter(task=task)

    def decided_by_strategy(self, *names: str) -> Self:
        """Decisions that one of the strategies settled."""
        return self.filter(decided_by__in=names)

    def recent(self) -> Self:
        """Decisions, newest first."""
        return self.order_by("-decided_at", "-pk")

    def less_sure_than(self, confidence: float) -> Self:
        """Decisions below the confidence, least sure first."""
        return self.filter(confidence__lt=confidence).order_by("confidence", "pk")

    def abstained(self) -> Self:
        """Decisions that were left to a person."""
        return self.filter(outcome=self.model.Outcome.ABSTAINED)

    def older_than(self, moment: datetime) -> Self:
        """Decisions made before the moment."""
        return self.filter(decided_at__lt=moment)

    def analytics(self, *by: str) -> models.QuerySet[Any, dict[str, Any]]:
        """One dict per group: count, mean confidence, accuracy of the judged, share below 0.6, mean time.

        `by` names columns; `day` is the day of the decision. Nothing named: one dict for all.
        """
        judged = Q(episode__judgement__isnull=False)
        right = judged & Q(episode__judgement__right_project=F("project"))
        rows = self.annotate(day=TruncDate("decided_at")) if "day" in by else self
        return rows.order_by().values(*by or ("outcome",)).annotate(
            decisions=Count("pk"), mean_confidence=Avg("confidence"), judged=Count("pk", filter=judged),
            right=Count("pk", filter=right), low_confidence=Count("pk", filter=Q(confidence__lt=LOW_CONFIDENCE)),
            mean_time_ms=Avg("decision_time_ms"),
        )  # fmt: skip

    def totals(self) -> dict[str, Any]:
        """One dict over all: `decisions`, `judged`, `right` and `mean_confidence`."""
        judged = Q(episode__judgement__isnull=False)
        right = judged & Q(episode__judgement__right_project=F("project"))
        return self.aggregate(
            decisions=Count("pk"), judged=Count("pk", filter=judged), right=Count("pk", filter=right),
            mean_confidence=Avg("confidence"),
        )  # fmt: skip


class EpisodeQuerySet(NearestMixin, ScopedByProject["Episode"]):
    """The history of routing; chain the questions like filters."""

    project_column = "chosen_project"

    def for_task(self, task: Any) -> Self:
        """Episodes of one task, oldest first."""
        return self.filter(task=task).order_by("routed_at", "pk")

    def routed_between(self, since: datetime | None, until: datetime | None) -> Self:
        """Episodes of a span; without a beginning, all until its end."""
        found = self.filter(routed_at__lt=until)
        return found.filter(routed_at__gte=since) if since else found

    def decided_by_router(self) -> Self:
        """Episodes that a policy could have decided otherwise: neither a person nor the requester chose."""
        return self.filter(source=self.model.Source.LOCAL).exclude(strategy__in=["human", "explicit"])

    def with_lesson(self) -> Self:
        """Episodes with their task and what was said of them, in the same query."""
        return self.select_related("task", "judgement")

    def before(self, episode: "Episode") -> Self:
        """Episodes older than this one."""
        return self.filter(Q(routed_at__lt=episode.routed_at) | Q(routed_at=episode.routed_at, pk__lt=episode.pk))


class JudgementQuerySet(models.QuerySet["EpisodeJudgement"]):
    """Lessons; chain the questions like filters."""

    def confirmed(self) -> Self:
        """Judgements that know the true destination and whose task still has its text."""
        return self.filter(right_project__isnull=False, episode__task__isnull=False)

    def given(self) -> Self:
        """Judgements that somebody gave: neither taken back nor drawn from what became of the work."""
        return self.filter(signal="feedback")

    def of_task(self, task: Any) -> Self:
        """What the task teaches as things stand, the lesson of its newest episode first."""
        return self.filter(episode__task=task).exclude(signal="withdrawn").order_by("-episode__routed_at", "-pk")

    def of_own_thoughts(self) -> Self:
        """What people said of what Hopper thought by itself, newest first; of its guess, where it asked them."""
        own = self.given().exclude(episode__strategy__in=["human", "explicit"])
        return own.order_by("-judged_at", "-pk")

    def of_own_decisions(self) -> Self:
        """What people said of places that Hopper chose by itself, newest first."""
        return self.of_own_thoughts().filter(episode__chosen_project__isnull=False)

    def changed_after(self, moment: datetime) -> Self:
        """Judgements made or changed after the moment, oldest first."""
        return self.filter(updated_at__gt=moment).order_by("updated_at", "pk")

    def weighed_after(self, moment: datetime) -> Self:
        """Judgements whose vote was found right or wrong after the moment, oldest first."""
        return self.filter(weighed_at__gt=moment).order_by("weighed_at", "pk")

    def outcomes(self) -> models.QuerySet[Any, dict[str, Any]]:
        """One dict per judgement: where the task belonged and went, and what it was; private tasks are left out."""
        private = Instance.objects.private().values("pk")
        kept = self.filter(episode__task__isnull=False).exclude(episode__task__instance__in=private)
        kept = kept.exclude(episode__chosen_instance__in=private)
        return kept.values(
            "pk", "right_project", chosen=F("episode__chosen_project"), success=F("episode__outcome_success"),
            routed_at=F("episode__routed_at"), source=F("episode__source"),
            source_instance=F("episode__source_instance_id"), title=F("episode__task__title"),
            opening=Left("episode__task__description", LONGEST_TEXT), tags=F("episode__task__tags"),
            priority=F("episode__task__priority"), skills=F("episode__task__required_capabilities"),
        )  # fmt: skip

    def with_text(self) -> Self:
        """Judgements with the task whose text they teach, in the same query."""
        return self.select_related("episode__task").only(*LESSON)

    def with_meaning(self) -> Self:
        """Judgements with their text and its stored vector, in the same query."""
        vector = [f"episode__task__meaning__{name}" for name in ("model", "content_hash", "embedding")]
        return self.select_related("episode__task__meaning").only(*LESSON, *vector)


class LearnedStateQuerySet(models.QuerySet["LearnedState"]):
    """Fits; chain the questions like filters."""

    def in_force(self, kind: str) -> Self:
        """The fits of the newest number of that kind, one a scope."""
        newest = self.filter(kind=kind).order_by("-number").values("number")[:1]
        return self.filter(kind=kind, number=models.Subquery(newest))


class TaskEmbeddingQuerySet(models.QuerySet["TaskEmbedding"]):
    """Vectors of tasks."""

    def of_task(self, task: Task) -> "TaskEmbedding | None":
        """The vector of the task, or None while it waits for one or has no words."""
        return self.filter(task=task, embedding__isnull=False).first()


class DuplicateQuerySet(models.QuerySet["Duplicate"]):
    """Hints that a task repeats another; chain the questions like filters."""

    def suggested(self) -> Self:
        """Hints that nobody has answered."""
        return self.filter(status=self.model.Status.SUGGESTED)

    def shown_to(self, principal: Any) -> models.QuerySet[Any, dict[str, Any]]:
        """Hints whose original the principal may see, each as the object that clients get."""
        seen = self.filter(original__in=Task.objects.for_principal(principal).values("pk"))
        shown = JSONObject(id="original_id", title="original__title", similarity="similarity", status="status")
        return (seen if principal.is_limited else self).order_by("pk").values_list(shown, flat=True)


class PatternQuerySet(NearestMixin, models.QuerySet["Pattern"]):
    """Patterns; chain the questions like filters."""

    def active(self) -> Self:
        """Patterns in use."""
        return self.filter(is_active=True)

    def public(self, private_projects: Collection[str]) -> Self:
        """Patterns that name neither such a project nor an instance of a person or a family."""
        named = Q(target_project__in=private_projects) | Q(target_instance__in=Instance.objects.private().values("pk"))
        return self.exclude(named)

    def learned(self) -> Self:
        """Patterns that Hopper found itself."""
        return self.filter(source=self.model.Source.LEARNED)

    def for_principal(self, principal: Any) -> Self:
        """Patterns that the principal may see: general knowledge, unless it is limited to projects."""
        return self.filter(target_project__in=principal.projects) if principal.projects else self.all()

    def search(self, text: str) -> Self:
        """Patterns whose name or description contains every word."""
        found = self
        for word in text.split():
            found = found.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return found


class ConsolidationQuerySet(models.QuerySet["ConsolidationRun"]):
    """Runs of consolidation; chain the questions like filters."""

    def wanted(self) -> Self:
        """Runs that were asked for and have not begun."""
        return self.filter(state=self.model.State.WANTED)

    def running(self) -> Self:
        """The run that has begun and is not over, if there is one."""
        return self.filter(state=self.model.State.RUNNING)

    def recent(self) -> Self:
        """Runs, newest first."""
        return self.order_by("-created_at", "-pk")

    def for_principal(self, principal: Any) -> Self:
        """Runs that the principal may see: their logs speak of every project, so a limited key sees none."""
        return self.none() if principal.is_limited else self.all()


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Hops; chain the questions like filters."""

    def of_task(self, task: Any) -> Self:
        """The hops of one task in the order they were made."""
        return self.filter(task=task).order_by("delegated_at", "pk")

    def open(self) -> Self:
        """Hops that are offered or accepted and not over."""
        return self.filter(status__in=self.model.OPEN)

    def offered(self) -> Self:
        """Hops that wait for their target to answer."""
        return self.filter(status=self.model.Status.PENDING)

    def unanswerable(self) -> Self:
        """Offers whose time is up by the database's clock, or whose target takes no work any more."""
        return self.offered().filter(Q(expires_at__lte=Now()) | ~Q(target_instance__status="active"))

    def declined(self) -> Self:
        """Hops that their target refused, gave back or did not answer."""
        return self.filter(status__in=self.model.DECLINED)

    def in_order(self) -> Self:
        """Hops as they were made, with their instances."""
        return self.select_related("source_instance", "target_instance").order_by("delegated_at", "pk")

    def for_principal(self, principal: Any) -> Self:
        """Hops of tasks that the principal may see, and those that come from or go to its branches.

        Who sees everything sees no hop from or to a place that is closed to them.
        """
        if not principal.is_limited:
            closed = Instance.objects.closed_to(principal.name).values("pk")
            told = self.exclude(Q(source_instance__in=closed) | Q(target_instance__in=closed))
            return self if principal.may(Role.ADMINISTRATOR) else told
        visible = Q(task__in=Task.objects.for_principal(principal).values("pk"))
        if principal.instances:
            branches = Instance.objects.in_branches(principal.instances).values("pk")
            visible |= Q(source_instance__in=branches) | Q(target_instance__in=branches)
        return self.filter(visible)


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Policies; chain the questions like filters."""

    def for_principal(self, principal: Any) -> Self:
        """Policies that the principal may see: they say who gets what everywhere, so a limited key sees none."""
        return self.none() if principal.instances or principal.projects else self.all()


class QuestionQuerySet(models.QuerySet["AdviserQuestion"]):
    """Questions to advisers; chain the questions like filters."""

    def open(self) -> Self:
        """Questions that wait for their answer."""
        return self.filter(state=self.model.State.ASKED)

    def answered(self) -> Self:
        """Questions whose answer names a place."""
        return self.filter(state=self.model.State.ANSWERED)

    def overdue(self, now: datetime) -> Self:
        """Questions whose time is up, the oldest first."""
        return self.open().filter(deadline__lte=now).order_by("deadline", "pk")

    def judged(self, judgements: Any) -> Self:
        """Answered questions whose task was judged since, each with its `truth`, newest first.

        `judgements` are those that know the true destination.
        """
        told = judgements.filter(episode__task=OuterRef("task")).order_by("-judged_at", "-pk")
        known = self.answered().annotate(truth=Subquery(told.values("right_project")[:1]))
        return known.filter(truth__isnull=False).order_by("-answered_at", "-pk")


class TaskAdviceQuerySet(models.QuerySet["TaskAdvice"]):
    """Advice for tasks; chain the questions like filters."""

    def open(self) -> Self:
        """Advice that is being made or waits for a person."""
        return self.filter(state__in=self.model.OPEN)

    def proposed(self) -> Self:
        """Advice that waits for a person, by its kind."""
        return self.filter(state=self.model.State.PROPOSED).order_by("kind")

    def of_task(self, task: Any) -> Self:
        """The advice for one task, newest first."""
        return self.filter(task=task).order_by("-created_at", "-pk")

    def for_principal(self, principal: Any) -> Self:
        """Advice for tasks that the principal may see."""
        return self.filter(task__in=Task.objects.for_principal(principal).values("pk"))


class VersionQuerySet(models.QuerySet["PolicyVersion"]):
    """Versions of policies; chain the questions like filters."""

    def in_force(self) -> Self:
        """The version that decides, if there is one."""
        return self.filter(state=self.model.State.ACTIVE)

    def in_shadow(self) -> Self:
        """The version that decides in silence, if there is one."""
        return self.filter(state=self.model.State.SHADOW)


class BacktestQuerySet(models.QuerySet["Backtest"]):
    """Reports; chain the questions like filters."""

    def newest_first(self) -> Self:
        """Reports as they were made, the last first."""
        return self.order_by("-created_at", "-pk")


class ShadowQuerySet(models.QuerySet["ShadowChoice"]):
    """Silent choices; chain the questions like filters."""

    def compared(self, version: "PolicyVersion") -> models.QuerySet[Any, Any]:
        """One dict per day and kind of outcome since the version went into shadow, newest day first; `n` counts."""
        since = {"created_at__gte": version.shadowed_at} if version.shadowed_at else {}
        rows = self.filter(policy_version=version, **since).annotate(day=TruncDate("created_at"))
        return (
            rows.order_by("-day")
            .values("day", "project", tried=F("episode__chosen_project"), outcome=F("episode__outcome_success"),
                    truth=F("episode__judgement__right_project"))
            .annotate(n=Count("pk"))
        )  # fmt: skip


class ProposalQuerySet(models.QuerySet["Proposal"]):
    """Rules that were proposed; chain the questions like filters."""

    def open(self) -> Self:
        """Proposals that nobody has answered."""
        return self.filter(state=self.model.State.PROPOSED)

    def for_principal(self, principal: Any) -> Self:
        """Proposals that the principal may see: as with policies, none for a limited key."""
        return self.none() if principal.is_limited else self.all()
