"""The destinations that can receive tasks."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models

from hopper.common.db.indexes import Gin
from hopper.common.errors import wrong
from hopper.common.fields import Levels, Tags
from hopper.common.models import Timestamped, Versioned
from projects.querysets import ProjectQuerySet
from projects.sla import check_sla

RESERVED = {"register", "active"}  # words that are addresses under /projects/


def _name_is_free(name: str) -> None:
    if name.lower() in RESERVED:
        raise wrong(f"{name!r} is an address of the API: choose another name.")


def check_factors(boost: Any) -> None:
    """Check `{"urgent": 2.0, "security": 1.5}`: numbers above 0, at most 10."""
    if not isinstance(boost, dict):
        raise ValidationError('Send an object like {"urgent": 2.0}.')
    for name, value in boost.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 10:
            raise wrong(f"{name}: send a number above 0, at most 10.")


def check_object(value: Any) -> None:
    """Check that a JSON column holds an object."""
    if not isinstance(value, dict):
        raise ValidationError("Send an object.")


def _json(**options: Any) -> models.JSONField:
    return models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()), **options)


class Project(Timestamped, Versioned):
    """A registered destination: what it can do, how fast, and how much at once."""

    class Velocity(models.TextChoices):
        """How soon a project usually gets work done."""

        FAST = "fast"
        MEDIUM = "medium"
        SLOW = "slow"
        GLACIAL = "glacial"

    name = models.CharField(
        primary_key=True, max_length=100,
        validators=[
            RegexValidator(r"^[^/\x00-\x1f]+\Z", "A project name has no slash and no control characters."),
            _name_is_free,
        ],
    )  # fmt: skip
    slug = models.SlugField(max_length=100, unique=True, validators=[_name_is_free])
    repository = models.CharField(max_length=500, null=True, blank=True)
    capabilities = Levels()
    tags = Tags()
    executor_type = models.CharField(max_length=50, default="human", db_default="human")
    executor_config = _json(validators=[check_object])
    auto_claim = models.BooleanField(default=False, db_default=False)
    priority_boost = _json(validators=[check_factors])
    velocity = models.CharField(
        max_length=20, choices=Velocity.choices, default=Velocity.MEDIUM, db_default=Velocity.MEDIUM
    )
    sla = _json(validators=[check_sla])
    capacity = models.PositiveIntegerField(
        null=True, blank=True, help_text="Tasks it works on at once; empty: no limit."
    )
    capacity_cost = _json(validators=[check_factors])
    webhook_url = models.CharField(max_length=500, null=True, blank=True, validators=[URLValidator(["https", "http"])])
    api_endpoint = models.CharField(max_length=500, null=True, blank=True, validators=[URLValidator(["https", "http"])])
    sync_config = _json(validators=[check_object])
    instance = models.ForeignKey(
        "instances.Instance",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        help_text="The Hopper that serves it: tasks routed here go there.",
    )
    is_active = models.BooleanField(default=True, db_default=True)
    created_by = models.CharField(max_length=100, null=True, blank=True, editable=False)
    last_sync = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        db_table = "projects"
        constraints = [
            models.CheckConstraint(name="project_name_is_not_empty", condition=models.Q(name__length__range=(1, 100))),
            models.CheckConstraint(
                name="project_velocity_is_known", condition=models.Q(velocity__in=["fast", "medium", "slow", "glacial"])
            ),
        ]
        indexes = [
            models.Index(name="idx_projects_active", fields=["is_active", "name"]),
            models.Index(name="idx_projects_created_at", fields=["created_at"]),
            Gin(name="idx_projects_capabilities", fields=["capabilities"]),
        ]

    def __str__(self) -> str:
        return self.name
