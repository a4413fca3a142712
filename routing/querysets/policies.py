"""Questions about policies, their versions, and how those would do."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Count, F
from django.db.models.functions import TruncDate

if TYPE_CHECKING:
    from routing.models import Backtest, Policy, PolicyVersion, Proposal, ShadowChoice


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Policies; chain the questions like filters."""

    def for_principal(self, principal: Any) -> Self:
        """Policies that the principal may see: they say who gets what everywhere, so a limited key sees none."""
        return self.none() if principal.is_limited else self.all()


class VersionQuerySet(models.QuerySet["PolicyVersion"]):
    """Versions of policies; chain the questions like filters."""

    def at(self, instance: str | None) -> Self:
        """Versions that belong to just this instance, by its id, or to the house if there is none."""
        return self.filter(instance=instance)

    def in_force(self) -> Self:
        """The versions that decide, one at most for the house and for each instance."""
        return self.filter(state=self.model.State.ACTIVE)

    def in_shadow(self) -> Self:
        """The versions that decide in silence, one at most for the house and for each instance."""
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
