"""What every table shares, the API keys that programs sign in with, and what they have asked for."""

from collections.abc import Container

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from hopper.common.ids import holder_name, new_id


class Timestamped(models.Model):
    """A row that knows when it was made."""

    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        abstract = True


class Versioned(models.Model):
    """A row that can change; only operations write it, and each write raises `version`."""

    updated_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    version = models.PositiveBigIntegerField(default=1, db_default=1, editable=False)

    wanted_versions: Container[int] | None = None  # what the caller has seen; None: any version will do

    class Meta:
        abstract = True

    def wants(self, version: int) -> bool:
        """Tell whether the caller wants to change the row in this version."""
        return self.wanted_versions is None or version in self.wanted_versions


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
    name = models.CharField(max_length=100, validators=[holder_name])
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


class IdempotencyKey(Timestamped):
    """A POST that was sent with a key: what was asked, and where its answer stands; no body is kept."""

    principal = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    resource = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta:
        db_table = "idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_means_one_request"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idx_idempotency_keys_created")]

    def __str__(self) -> str:
        return self.key

    @property
    def is_done(self) -> bool:
        """Tell whether its request was answered; one that is still being answered is seen by nobody else."""
        return self.status is not None
