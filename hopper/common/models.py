"""What every table shares, and the API keys that programs sign in with."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from hopper.common.ids import new_id


class Timestamped(models.Model):
    """A row that knows when it was made."""

    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        abstract = True


class Versioned(models.Model):
    """A row that can change; only operations write it, and each write raises `version`."""

    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    version = models.PositiveBigIntegerField(default=1, db_default=1, editable=False)

    class Meta:
        abstract = True


class Role(models.TextChoices):
    """What a principal may do; each role includes the ones before it."""

    VIEWER = "viewer"
    EXECUTOR = "executor"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class ApiKey(Timestamped, Versioned):
    """A program's way in; the secret is shown once and kept only as an HMAC (security.md 3)."""

    id = models.CharField(primary_key=True, max_length=50, default=new_id, editable=False)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER, db_default=Role.VIEWER)
    owner = models.CharField(max_length=100, blank=True, default="", db_default="")
    instances = models.JSONField(
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
        help_text="Ids of the instances whose branches this key may see; empty means all.",
    )
    projects = models.JSONField(
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
        help_text="Names of the projects this key may see; empty means all.",
    )
    networks = models.JSONField(
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
        help_text='Networks it may come from, like ["10.0.0.0/8"]; empty means any.',
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "api_keys"
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(name="api_key_role_is_known", condition=models.Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return self.name
