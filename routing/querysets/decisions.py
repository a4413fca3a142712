"""Questions about decisions, episodes and what was said of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Avg, Count, F, Q
from django.db.models.functions import Left, TruncDate

from hopper.common.querysets import NearestMixin
from instances.models import Instance
from routing.learning.criteria import LONGEST_TEXT

if TYPE_CHECKING:
    from routing.models import Decision, Episode, EpisodeJudgement

Row = TypeVar("Row", bound=models.Model)
LOW_CONFIDENCE = 0.6
LESSON = [
    "right_project", "reliability", "signal", "updated_at", "episode__strategy", "episode__chosen_project",
    "episode__routed_at", "episode__task__title", "episode__task__description", "episode__task__tags",
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

    def decided_at(self, instance: str | None) -> Self:
        """Episodes of tasks that a policy of just this instance decided, or (None) one of the house."""
        place = "decision_factors__policy__instance"
        if instance is None:
            return self.filter(Q(**{f"{place}__isnull": True}) | Q(**{place: None}))
        return self.filter(**{place: instance})

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

    def until(self, moment: datetime) -> Self:
        """Judgements as they stood at the moment and were not changed since."""
        return self.filter(updated_at__lte=moment)

    def of_trials(self) -> Self:
        """Judgements of tasks that were sent somewhere, but for those that are taken back."""
        return self.filter(episode__chosen_project__isnull=False).exclude(signal="withdrawn")

    def unplaced(self) -> Self:
        """Judgements of tasks that are there and were sent to a wrong place, while nobody knows the right one."""
        return self.filter(right_project=None, episode__task__isnull=False)

    def as_trials(self) -> models.QuerySet[Any, tuple[Any, ...]]:
        """One tuple per judgement: the episode, where its task went and belonged, when it went, and who says so."""
        return self.values_list("pk", "episode__chosen_project", "right_project", "episode__routed_at", "signal")

    def weighed_after(self, moment: datetime) -> Self:
        """Judgements whose vote was found right or wrong after the moment, oldest first."""
        return self.filter(weighed_at__gt=moment).order_by("weighed_at", "pk")

    def outcomes(self) -> models.QuerySet[Any, dict[str, Any]]:
        """One dict per judgement: where the task belonged and went, and what it was; private tasks are left out."""
        private = Instance.objects.private().values("pk")
        kept = self.filter(episode__task__isnull=False).exclude(episode__task__instance__in=private)
        kept = kept.exclude(episode__chosen_instance__in=private)
        return kept.values(
            "pk", "right_project", "signal", chosen=F("episode__chosen_project"),
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
