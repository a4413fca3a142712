"""How much of a task's decision a client is told."""

from functools import cached_property

from hopper.api.places import projects_seen_by
from hopper.common.rest.viewsets import ScopedViewSet
from routing import operations as routing
from routing.models import Decision
from tasks.models import Task


class ToldTasks(ScopedViewSet):
    """Tasks with their decision, of which limited principals are told their own projects alone."""

    @cached_property
    def among(self) -> frozenset[str] | None:
        """The projects that may be told of, or None for all."""
        return projects_seen_by(self.principal)

    def told_decision(self, decision: Decision) -> Decision:
        return routing.told_decision(decision=decision, among=self.among)

    def told(self, row: Task) -> Task:
        decision = getattr(row, "decision", None) if self.principal.is_limited else None
        if decision:
            row.decision = self.told_decision(decision)
        return row
