"""Every question about the log."""

from typing import Any, Self

from django.db import models

from hopper.common.models import Role


class EventQuerySet(models.QuerySet):
    """Events; chain the questions like filters."""

    def about(self, row: models.Model) -> Self:
        """Events of one row, oldest first."""
        return self.filter(aggregate_type=row._meta.label_lower, aggregate_id=row.pk).order_by("version")

    def for_principal(self, principal: Any) -> Self:
        """Events that the principal may see: the log spans every branch, so a limited key sees none."""
        limited = principal.instances or principal.projects
        return self.none() if limited or not principal.may(Role.VIEWER) else self.all()

    def search(self, text: str) -> Self:
        """Events whose type, subject or actor contains every word."""
        found = self
        for word in text.split():
            found = found.filter(
                models.Q(type__icontains=word)
                | models.Q(aggregate_id__icontains=word)
                | models.Q(actor__icontains=word)
            )
        return found
