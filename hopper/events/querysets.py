"""Every question about the log and its deliveries."""

from collections.abc import Sequence
from typing import Any, Self

from django.db import models
from django.db.models import Count, Exists, Min, OuterRef, Q, Sum

from hopper.common.db.asked import Asked, Usual
from hopper.common.db.clock import Now
from hopper.common.models import Role, Versioned


def _keys_of(relation: Any, row: models.Model) -> list[str]:
    """Return the keys of the related rows; one that shares the row's own key needs no query, and may be deleted."""
    if relation.field.primary_key:
        return [str(row.pk)]
    others = relation.related_model._default_manager.filter(**{relation.field.name: row.pk})
    return [str(key) for key in others.values_list("pk", flat=True)]


# In the very words of the partial indexes, as SQLite uses an index only then.
IS_OPEN = Usual("{0} IN ('pending', 'leased')", "status")
IS_DEAD = Asked("{0} = 'dead'", "status")
IS_UNDONE = Asked("NOT ({0} = 'done')", "status")
PLACE = ("consumer", "aggregate_type", "aggregate_id")  # where deliveries stand one behind the other


class EventQuerySet(models.QuerySet):
    """Events; chain the questions like filters."""

    def about(self, row: models.Model) -> Self:
        """Events of one row, oldest first."""
        return self.filter(aggregate_type=row._meta.label_lower, aggregate_id=row.pk).order_by("version")

    def around(self, row: models.Model) -> Self:
        """Events of one row and of the versioned rows that belong to it, in the order in which they were written."""
        places = Q(aggregate_type=row._meta.label_lower, aggregate_id=str(row.pk))
        for relation in row._meta.related_objects:
            other: Any = relation.related_model
            if issubclass(other, Versioned) and other is not type(row):
                places |= Q(aggregate_type=other._meta.label_lower, aggregate_id__in=_keys_of(relation, row))
        return self.filter(places).order_by("id")

    def unstamped(self) -> Self:
        """Events that have no position yet."""
        return self.filter(position__isnull=True)

    def stamped(self) -> Self:
        """Events that have their place in the log."""
        return self.filter(position__isnull=False)

    def since(self, position: int) -> Self:
        """Events after the position, in the order of the log."""
        return self.filter(position__gt=position).order_by("position")

    def for_principal(self, principal: Any) -> Self:
        """Events that the principal may see: the log spans every branch, so a limited key sees none."""
        return self.none() if principal.is_limited or not principal.may(Role.VIEWER) else self.all()

    def search(self, text: str) -> Self:
        """Events whose type, subject or actor contains every word."""
        found = self
        for word in text.split():
            found = found.filter(
                Q(type__icontains=word) | Q(aggregate_id__icontains=word) | Q(actor__icontains=word)
            )  # fmt: skip
        return found


class DeliveryQuerySet(models.QuerySet):
    """Deliveries; chain the questions like filters."""

    def for_principal(self, principal: Any) -> Self:
        """Deliveries that the principal may see: they speak of every branch, so a limited key sees none."""
        return self.none() if principal.is_limited or not principal.may(Role.OPERATOR) else self.all()

    def search(self, text: str) -> Self:
        """Deliveries whose row or error contains every word."""
        found = self
        for word in text.split():
            found = found.filter(Q(aggregate_id__icontains=word) | Q(last_error__icontains=word))
        return found

    def waiting(self, consumer: str) -> Self:
        """Deliveries that the consumer may take now, oldest first: none while an older one of the same row is open."""
        due = Q(status="pending", available_at__lte=Now()) | Q(status="leased", lease_until__lte=Now())
        earlier = self.model._default_manager.filter(
            IS_UNDONE, version__lt=OuterRef("version"), **{name: OuterRef(name) for name in PLACE}
        )
        in_the_way = earlier.filter(Q(status__in=["pending", "leased"]) | Q(status="dead", carries="event"))
        return self.filter(IS_OPEN, due, ~Exists(in_the_way), consumer=consumer).order_by("id")

    def open(self) -> Self:
        """Deliveries that are not done and not given up."""
        return self.filter(IS_OPEN)

    def dead(self) -> Self:
        """Deliveries that were given up: somebody has to look."""
        return self.filter(IS_DEAD)

    def beside(self, delivery: Any) -> Self:
        """Deliveries of the same row to the same consumer."""
        return self.filter(**{name: getattr(delivery, name) for name in PLACE})

    def overtaken_by(self, taken: Sequence[Any]) -> Self:
        """Dead deliveries of state whose row has been taken in since: a consumer of state has all of it now."""
        newer = self.model._default_manager.filter(
            pk__in=[delivery.pk for delivery in taken], status="done", version__gt=OuterRef("version"),
            **{name: OuterRef(name) for name in PLACE},
        )  # fmt: skip
        return self.dead().filter(Exists(newer), carries="state", consumer=taken[0].consumer)

    def undone(self) -> Self:
        """Deliveries that are open, or were given up."""
        return self.filter(IS_UNDONE)

    def counted(self) -> Any:
        """One entry for each consumer: how many it has, by status, and since when its oldest is open."""
        by_status = {status: Count("pk", filter=Q(status=status)) for status in ("pending", "leased", "dead")}
        is_open = Q(status__in=["pending", "leased"])
        return self.values("consumer").annotate(
            **by_status, attempts=Sum("attempts", filter=is_open, default=0), oldest=Min("created_at", filter=is_open)
        )

    def held_with(self, *, keys: Sequence[int], fence: int) -> Self:
        """Those of the deliveries that are still leased under this fence."""
        return self.filter(pk__in=keys, fence=fence, status="leased")
