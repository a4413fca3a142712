"""Handing a task one level down the tree, or up, or across."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from hopper.common.errors import HopperError
from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from routing.querysets import DelegationQuerySet


class HopIsOver(HopperError):
    """The hop cannot make this move from where it stands."""

    code = "transition_not_allowed"


class Delegation(Timestamped, Versioned):
    """One hop of a task from an instance to another: an offer, then its answer, then what came of it."""

    class Type(models.TextChoices):
        """Why a task changes hands."""

        ROUTE = "route"
        DECOMPOSE = "decompose"
        ESCALATE = "escalate"
        REASSIGN = "reassign"

    class Status(models.TextChoices):
        """Where a hop stands.

        pending: offered · accepted: the task is at the target, or further on · rejected: the target declined it, or
        gave it back · expired: nobody answered in time · cancelled: the source took it back, or the task ended
        otherwise · completed: the work is done.
        """

        PENDING = "pending"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    class ReasonCode(models.TextChoices):
        """Why a target declines."""

        BUSY = "busy"
        NOT_CAPABLE = "not_capable"
        OUT_OF_SCOPE = "out_of_scope"
        UNAVAILABLE = "unavailable"
        POLICY = "policy"
        OTHER = "other"

    MOVES = {
        Status.PENDING: {Status.ACCEPTED, Status.REJECTED, Status.CANCELLED, Status.EXPIRED},
        Status.ACCEPTED: {Status.COMPLETED, Status.REJECTED, Status.CANCELLED},
    }
    OPEN = (Status.PENDING, Status.ACCEPTED)
    DECLINED = (Status.REJECTED, Status.EXPIRED)

    id = models.CharField(primary_key=True, max_length=50, default=new_id, editable=False)
    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="delegations")
    source_instance = models.ForeignKey("instances.Instance", models.PROTECT, related_name="delegations_out")
    target_instance = models.ForeignKey("instances.Instance", models.PROTECT, related_name="delegations_in")
    delegation_type = models.CharField(max_length=20, choices=Type.choices, default=Type.ROUTE, db_default=Type.ROUTE)
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING, editable=False
    )
    reason = models.TextField(null=True, blank=True)
    reason_code = models.CharField(max_length=20, choices=ReasonCode, null=True, blank=True, editable=False)
    result = models.JSONField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="An offer that nobody answered ends here.")
    delegated_at = models.DateTimeField(editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        db_table = "task_delegations"
        constraints = [
            models.UniqueConstraint(
                name="one_open_delegation_per_hop", fields=["task", "source_instance"],
                condition=Q(status__in=["pending", "accepted"]),
                violation_error_message="This instance has handed the task on already.",
            ),
            models.CheckConstraint(
                name="delegation_leaves_its_source", condition=~Q(source_instance=F("target_instance")),
                violation_error_message="An instance cannot delegate to itself.",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(name="idx_delegations_delegated_at", fields=["delegated_at", "id"]),
            models.Index(name="idx_delegations_target", fields=["target_instance", "status"]),
            models.Index(name="idx_delegations_offers", fields=["expires_at"], condition=Q(status="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.source_instance_id} → {self.target_instance_id}"

    def clean(self) -> None:
        if self.source_instance_id and self.source_instance_id == self.target_instance_id:
            raise ValidationError({"target_instance": "An instance cannot delegate to itself."})

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    def move_to(self, status: str) -> None:
        """Change status in memory.

        :raises HopIsOver: if the protocol has no such move
        """
        if status not in self.MOVES.get(self.Status(self.status), ()):
            raise HopIsOver(f"The hop is {self.status}, so it cannot become {status}.", status=self.status)
        self.status = self.Status(status)
