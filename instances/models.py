"""The tree of Hoppers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.functions import Length
from tree_queries.fields import TreeNodeForeignKey

from hopper.common.errors import HopperError
from hopper.common.ids import new_id, plain_id
from hopper.common.models import Timestamped, Versioned
from instances.config import Setting, check_config, check_config_of
from instances.querysets import InstanceQuerySet
from instances.scopes import SCOPES, Facts, ScopeRules

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

    class Closing(models.TextChoices):
        """What happens to the open work of an instance that is about to end.

        wait: it goes on here, claims included · reroute: what nobody holds goes back to routing.
        """

        WAIT = "wait"
        REROUTE = "reroute"

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
    expires_at = models.DateTimeField(null=True, blank=True)
    closing = models.CharField(max_length=20, choices=Closing.choices, null=True, blank=True, editable=False)
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
            models.CheckConstraint(
                name="instance_expires_only_if_temporary",
                condition=models.Q(expires_at__isnull=True) | models.Q(instance_type="temporary"),
            ),
            models.CheckConstraint(
                name="instance_takes_nothing_new_while_it_closes",
                condition=models.Q(closing__isnull=True)
                | models.Q(closing__in=["wait", "reroute"], status__in=["created", "paused"]),
            ),
        ]
        indexes = [
            models.Index(name="idx_instances_scope", fields=["scope", "status"]),
            models.Index(name="idx_instances_created_at", fields=["created_at"]),
            models.Index(name="idx_instances_closing", fields=["id"], condition=models.Q(closing__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def rules(self) -> ScopeRules:
        """What its scope lets it do with work."""
        return SCOPES[self.scope]

    @property
    def owner(self) -> str | None:
        """Whose it is, if it is PERSONAL: the named owner, or who made it."""
        return (self.config.get("owner") or self.created_by) if self.rules.keeps_content else None

    def facts(self, settings: Mapping[str, Setting] | None = None, *, now: datetime, **load: Any) -> Facts:
        """Return what its scope judges by: its effective settings (its own, if none are given) and its load."""
        known = self.config if settings is None else {name: setting.value for name, setting in settings.items()}
        return Facts.of({**known, "owner": self.owner}, now=now, **load)

    def clean(self) -> None:
        """Check what one field says of another."""
        if isinstance(self.config, dict):
            check_config_of(self.scope, self.config)
        if self.expires_at and self.instance_type != self.Type.TEMPORARY:
            raise ValidationError({"expires_at": "Only a temporary instance expires."})

    def move_to(self, status: str, **also: Any) -> None:
        """Change status in memory; what was about to end no longer is.

        :raises InstanceMoveNotAllowed: if the lifecycle has no such move
        """
        if status not in self.MOVES[self.Status(self.status)]:
            raise InstanceMoveNotAllowed(f"{self.name} is {self.status}, so it cannot become {status}.")
        self.status, self.closing = status, None
        for name, value in also.items():
            setattr(self, name, value)


models.CharField.register_lookup(Length)
