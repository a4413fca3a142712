"""What operators wrote down about routing."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from hopper.common.errors import wrong
from hopper.common.ids import new_id
from hopper.common.models import Timestamped, Versioned
from instances.config import PRIORITIES
from routing.policy.rules import read_rules
from routing.policy.view import DEFAULT_WEIGHTS
from routing.querysets import PolicyQuerySet, VersionQuerySet


class Policy(Timestamped, Versioned):
    """A named line of versions, of the whole house or of one instance and what is below it."""

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(null=True, blank=True)
    instance = models.ForeignKey(
        "instances.Instance", models.PROTECT, null=True, blank=True, related_name="policies",
        help_text="The instance whose tasks it decides, and those filed below it; without one, the whole house's.",
    )  # fmt: skip

    objects = PolicyQuerySet.as_manager()

    class Meta:
        db_table = "routing_policies"
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


def check_rules(rules: object) -> None:
    """Check a list of rules, as `docs/routing-rules.md` describes them."""
    read_rules(rules)


THRESHOLDS = ("confidence", *PRIORITIES, "explore")


def check_shares(values: object) -> None:
    """Check an object of numbers from 0 to 1."""
    if not isinstance(values, dict):
        raise ValidationError('Send an object like {"confidence": 0.6}.')
    for name, value in values.items():
        if name not in THRESHOLDS:
            raise wrong(f"There is no threshold {name!r}. Known: {', '.join(THRESHOLDS)}.")
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            raise wrong(f"{name} is a number from 0 to 1.")


def check_weights(values: object) -> None:
    """Check an object of factor weights from 0 to 5."""
    if not isinstance(values, dict):
        raise ValidationError('Send an object like {"workload": 0.5}.')
    for name, value in values.items():
        if name not in DEFAULT_WEIGHTS:
            raise wrong(f"There is no factor {name!r}: use {', '.join(DEFAULT_WEIGHTS)}.")
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 5:
            raise wrong(f"The weight of {name} is a number from 0 to 5.")


def _one_at_each_place(state: str) -> list[models.UniqueConstraint]:
    """Return the constraints that hold one version of the state for the house, and one for each instance."""
    of_house, of_instance = Q(state=state, instance=None), Q(state=state, instance__isnull=False)
    return [
        models.UniqueConstraint(name=f"one_{state}_policy_version", fields=["state"], condition=of_house),
        models.UniqueConstraint(name=f"one_{state}_version_an_instance", fields=["instance"], condition=of_instance),
    ]


class PolicyVersion(Timestamped, Versioned):
    """One state of a policy: rules, factor weights and thresholds; what was active once is never edited.

    `instance` is that of its policy, repeated here so that the database can hold one version in force at each.
    """

    class State(models.TextChoices):
        """draft: edited · shadow: decides in silence · active: in force · retired: was in force."""

        DRAFT = "draft"
        SHADOW = "shadow"
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.CharField(primary_key=True, max_length=50, default=new_id)
    policy = models.ForeignKey(Policy, models.CASCADE, related_name="versions")
    instance = models.ForeignKey("instances.Instance", models.PROTECT, null=True, editable=False, related_name="+")
    number = models.PositiveIntegerField(editable=False)
    state = models.CharField(
        max_length=20, choices=State.choices, default=State.DRAFT, db_default=State.DRAFT, editable=False
    )
    rules = models.JSONField(
        default=list, blank=True, db_default=models.Value([], models.JSONField()), validators=[check_rules]
    )
    weights = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField()), validators=[check_weights]
    )
    thresholds = models.JSONField(
        default=dict, blank=True, db_default=models.Value({}, models.JSONField()), validators=[check_shares]
    )
    created_by = models.CharField(max_length=100, null=True, blank=True, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    shadowed_at = models.DateTimeField(null=True, blank=True, editable=False)
    replaces = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, editable=False, related_name="+")

    objects = VersionQuerySet.as_manager()

    class Meta:
        db_table = "routing_policy_versions"
        constraints = [
            models.UniqueConstraint(name="one_version_per_number", fields=["policy", "number"]),
            *_one_at_each_place("active"),
            *_one_at_each_place("shadow"),
            models.CheckConstraint(
                name="version_was_activated_iff_in_force",
                condition=Q(state__in=["draft", "shadow"], activated_at__isnull=True)
                | Q(state__in=["active", "retired"], activated_at__isnull=False),
            ),
            models.CheckConstraint(
                name="shadow_knows_since_when", condition=~Q(state="shadow") | Q(shadowed_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number} ({self.state})"

    @property
    def content(self) -> dict[str, Any]:
        """Return what it decides by."""
        return {"rules": self.rules, "weights": self.weights, "thresholds": self.thresholds}
