"""The tree of Hoppers."""

from typing import Any

from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.functions import Length
from tree_queries.fields import TreeNodeForeignKey

from hopper.common.errors import HopperError
from hopper.common.ids import new_id, plain_id
from hopper.common.models import Timestamped, Versioned
from instances.config import check_config
from instances.querysets import InstanceQuerySet

LONGEST_ID = 100


class InstanceMoveNotAllowed(HopperError):
    """The instance cannot make this move from where it stands."""

    code = "transition_not_allowed"


class Instance(Timestamped, Versioned):
    """A Hopper in the tree: it receives tasks, and executes them or hands them down."""

    class Scope(models.TextChoices):
        """The level of an instance."""

        GLOBAL = "GLOBAL"
        PROJECT = "PROJECT"
        ORCHESTRATION = "ORCHESTRATION"
        PERSONAL = "PERSONAL"
        FAMILY = "FAMILY"
        EVENT = "EVENT"
        FEDERATED = "FEDERATED"

    class Type(models.TextChoices):
        """How long an instance is meant to live."""

        PERSISTENT = "persistent"
        EPHEMERAL = "ephemeral"
        TEMPORARY = "temporary"

    class Status(models.TextChoices):
        """Where an instance stands in its life; paused is draining: open work goes on, nothing new comes."""

        CREATED = "created"
        ACTIVE = "active"
        PAUSED = "paused"
        TERMINATED = "terminated"

    MOVES = {
        Status.CREATED: {Status.ACTIVE, Status.TERMINATED},
        Status.ACTIVE: {Status.PAUSED, Status.TERMINATED},
        Status.PAUSED: {Status.ACTIVE, Status.TERMINATED},
        Status.TERMINATED: set(),
    }

    id = models.CharField(  # no max_length: PostgreSQL's recursive tree query wants text (ADR 0003)
        primary_key=True, default=new_id, validators=[plain_id, MaxLengthValidator(LONGEST_ID)]
    )
    name = models.CharField(max_length=200)
    scope = models.CharField(max_length=20, choices=Scope.choices)
    instance_type = models.CharField(
        max_length=20, choices=Type.choices, default=Type.PERSISTENT, db_default=Type.PERSISTENT
    )
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.CREATED, db_default=Status.CREATED, editable=False
    )
    parent = TreeNodeForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name="parent"
    )
    config = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField()), validators=[check_config]
    )
    description = models.TextField(null=True, blank=True)
    created_by = models.CharField(max_length=100, null=True, blank=True, editable=False)
    terminated_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        db_table = "hopper_instances"
        constraints = [
            models.UniqueConstraint(
                name="one_living_instance_per_scope_and_name",
                fields=["scope", "name"],
                condition=~models.Q(status="terminated"),
                violation_error_message="A living instance of this scope has this name already.",
            ),
            models.CheckConstraint(name="instance_id_is_short", condition=models.Q(id__length__lte=LONGEST_ID)),
            models.CheckConstraint(
                name="instance_is_not_its_own_parent",
                condition=~models.Q(parent=models.F("id")),
                violation_error_message="An instance cannot be its own parent.",
            ),
            models.CheckConstraint(
                name="instance_has_an_end_iff_terminated",
                condition=models.Q(status="terminated", terminated_at__isnull=False)
                | (~models.Q(status="terminated") & models.Q(terminated_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="instance_scope_is_known",
                condition=models.Q(
                    scope__in=["GLOBAL", "PROJECT", "ORCHESTRATION", "PERSONAL", "FAMILY", "EVENT", "FEDERATED"]
                ),
            ),
            models.CheckConstraint(
                name="instance_status_is_known",
                condition=models.Q(status__in=["created", "active", "paused", "terminated"]),
            ),
            models.CheckConstraint(
                name="instance_type_is_known",
                condition=models.Q(instance_type__in=["persistent", "ephemeral", "temporary"]),
            ),
        ]
        indexes = [
            models.Index(name="idx_instances_scope", fields=["scope", "status"]),
            models.Index(name="idx_instances_created_at", fields=["created_at"]),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    def move_to(self, status: str, **also: Any) -> None:
        """Change status in memory.

        :raises InstanceMoveNotAllowed: if the lifecycle has no such move
        """
        if status not in self.MOVES[self.Status(self.status)]:
            raise InstanceMoveNotAllowed(f"{self.name} is {self.status}, so it cannot become {status}.")
        self.status = status
        for name, value in also.items():
            setattr(self, name, value)


models.CharField.register_lookup(Length)

# Which scope may sit under which (None: at the root).
MAY_SIT_UNDER: dict[str, set[str | None]] = {
    Instance.Scope.GLOBAL: {None},
    Instance.Scope.PROJECT: {None, Instance.Scope.GLOBAL, Instance.Scope.PROJECT, Instance.Scope.FEDERATED},
    Instance.Scope.ORCHESTRATION: {Instance.Scope.PROJECT, Instance.Scope.PERSONAL, Instance.Scope.EVENT},
    Instance.Scope.PERSONAL: {None, Instance.Scope.GLOBAL, Instance.Scope.FAMILY},
    Instance.Scope.FAMILY: {None, Instance.Scope.GLOBAL},
    Instance.Scope.EVENT: {None, Instance.Scope.GLOBAL, Instance.Scope.PROJECT, Instance.Scope.FAMILY},
    Instance.Scope.FEDERATED: {None, Instance.Scope.GLOBAL},
}
