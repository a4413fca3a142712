"""A piece of work and its life."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.functional import cached_property

from hopper.common.db.indexes import Gin
from hopper.common.errors import HopperError
from hopper.common.fields import Levels, Tags
from hopper.common.ids import new_id, plain_id
from hopper.common.models import Timestamped, Versioned
from tasks.deadlines import NEVER
from tasks.querysets import WORDS, TaskQuerySet
from tasks.readiness import CLAIM_ORDER

URGENCY = ["priority_rank", "created_at", "id"]  # most urgent first, then oldest
BY_PRIORITY = [When(priority=word, then=Value(rank)) for rank, word in enumerate(("urgent", "high", "medium"))]
OPEN_STATUSES = ["pending", "routed", "claimed", "in_progress", "blocked"]
AGED_FIRST = [When(is_aged=True, then=Value(-1))]


class TransitionNotAllowed(HopperError):
    """The task cannot make this move from where it stands."""

    code = "transition_not_allowed"


class Task(Timestamped, Versioned):
    """A piece of work that Hopper places with whoever is best able to do it."""

    class Status(models.TextChoices):
        """Where a task stands.

        pending: taken in, no destination yet · routed: placed, free to be claimed · claimed: one executor
        holds it under a lease · in_progress: it is being worked on · blocked: parked, nobody holds it ·
        completed, cancelled: over · failed: over unless somebody retries it.
        """

        PENDING = "pending"
        ROUTED = "routed"
        CLAIMED = "claimed"
        IN_PROGRESS = "in_progress"
        BLOCKED = "blocked"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Priority(models.TextChoices):
        """How urgent a task is."""

        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        URGENT = "urgent"

    class Source(models.TextChoices):
        """Which door a task came in by."""

        API = "api"
        ADMIN = "admin"
        MCP = "mcp"
        CLI = "cli"
        WEBHOOK = "webhook"
        EMAIL = "email"
        LOCAL = "local"
        NORTHBOUND = "northbound"
        FEDERATION = "federation"

    MOVES = {
        Status.PENDING: {Status.ROUTED, Status.CANCELLED},
        Status.ROUTED: {Status.CLAIMED, Status.PENDING, Status.BLOCKED, Status.CANCELLED},
        Status.CLAIMED: {Status.IN_PROGRESS, Status.ROUTED, Status.FAILED, Status.CANCELLED},
        Status.IN_PROGRESS: {Status.COMPLETED, Status.FAILED, Status.BLOCKED, Status.ROUTED, Status.CANCELLED},
        Status.BLOCKED: {Status.ROUTED, Status.IN_PROGRESS, Status.CANCELLED},
        Status.FAILED: {Status.PENDING, Status.CANCELLED},
        Status.COMPLETED: set(),
        Status.CANCELLED: set(),
    }
    HELD = (Status.CLAIMED, Status.IN_PROGRESS)  # under a lease
    OVER = (Status.COMPLETED, Status.CANCELLED)
    OPEN = (Status.PENDING, Status.ROUTED, Status.CLAIMED, Status.IN_PROGRESS, Status.BLOCKED)
    STATUS_ALIASES = {"open": "pending", "done": "completed"}
    PRIORITY_ALIASES = {"critical": "urgent", "normal": "medium"}
    SOURCE_ALIASES = {"http": "api"}

    id = models.CharField(primary_key=True, max_length=50, default=new_id, validators=[plain_id])
    title = models.CharField(max_length=500)
    description = models.TextField(null=True, blank=True)
    project = models.ForeignKey(
        "projects.Project", models.PROTECT, null=True, blank=True, db_column="project", related_name="tasks",
        db_index=False,
    )  # fmt: skip
    instance = models.ForeignKey(
        "instances.Instance", models.PROTECT, null=True, blank=True, related_name="tasks", db_index=False
    )
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="subtasks", db_index=False)
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING, editable=False
    )
    priority = models.CharField(
        max_length=20, choices=Priority.choices, default=Priority.MEDIUM, db_default=Priority.MEDIUM
    )
    priority_rank = models.GeneratedField(
        expression=Case(*BY_PRIORITY, default=Value(3)), output_field=models.SmallIntegerField(), db_persist=True
    )
    is_aged = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="It waited longer than its limit and goes first."
    )
    claim_rank = models.GeneratedField(
        expression=Case(*AGED_FIRST, *BY_PRIORITY, default=Value(3)),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    claim_by = models.GeneratedField(
        expression=Case(When(is_aged=True, then=F("created_at")), default=Coalesce("due_at", Value(NEVER))),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    requester = models.CharField(max_length=100, null=True, blank=True)
    owner = models.CharField(max_length=100, null=True, blank=True)
    external_id = models.CharField(max_length=200, null=True, blank=True, editable=False)
    external_url = models.CharField(max_length=500, null=True, blank=True, editable=False)
    external_platform = models.CharField(max_length=50, null=True, blank=True, editable=False)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.API, db_default=Source.API)
    source_instance_id = models.CharField(max_length=100, null=True, blank=True)
    conversation_id = models.CharField(max_length=200, null=True, blank=True)
    context = models.TextField(null=True, blank=True)
    tags = Tags()
    required_capabilities = Levels(level=1)
    relaxed_by = models.PositiveSmallIntegerField(
        default=0, db_default=0, editable=False, help_text="Levels that routing asks less of each skill than required."
    )
    passed_over = models.JSONField(
        default=list, blank=True, db_default=Value([], models.JSONField()), editable=False,
        help_text="Projects that it was taken away from: routing does not send it there again.",
    )  # fmt: skip
    executor_preference = models.CharField(max_length=50, null=True, blank=True)
    velocity_requirement = models.CharField(
        max_length=20, null=True, blank=True, choices=[(v, v) for v in ("fast", "medium", "slow", "glacial")]
    )
    estimated_effort = models.CharField(max_length=50, null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    defer_until = models.DateTimeField(null=True, blank=True, help_text="Not to be claimed before this.")
    freed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When the last task that it waited for was over."
    )
    began = models.GeneratedField(
        expression=Greatest("created_at", Coalesce("defer_until", "created_at"), Coalesce("freed_at", "created_at")),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    routing_confidence = models.FloatField(null=True, blank=True, editable=False)
    routing_reasoning = models.TextField(null=True, blank=True, editable=False)
    route_after = models.DateTimeField(null=True, blank=True, editable=False)
    review_required = models.BooleanField(default=False, db_default=False, editable=False)
    result = models.JSONField(null=True, blank=True, editable=False)
    failure_reason = models.TextField(null=True, blank=True, editable=False)
    lease_owner = models.CharField(max_length=200, null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_cost = models.FloatField(
        null=True, blank=True, editable=False, help_text="How much of the project's capacity it takes while held."
    )
    is_decomposed = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Its last subtask completes it."
    )
    fence = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    attempts = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    max_attempts = models.PositiveIntegerField(default=3, db_default=3)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    failed_at = models.DateTimeField(null=True, blank=True, editable=False)

    heartbeat_seconds: float | None = None  # told to whoever takes the task or renews its lease
    CLAIM_ORDER = CLAIM_ORDER
    objects = TaskQuerySet.as_manager()

    class Meta:
        db_table = "tasks"
        constraints = [
            models.CheckConstraint(name="task_id_is_short", condition=Q(id__length__range=(1, 50))),
            models.CheckConstraint(name="task_title_is_short", condition=Q(title__length__lte=500)),
            models.CheckConstraint(
                name="task_is_not_its_own_parent",
                condition=~Q(parent=F("id")),
                violation_error_message="A task cannot be its own parent.",
            ),
            models.CheckConstraint(
                name="task_is_placed_once_routed",
                condition=Q(status__in=["pending", "cancelled"]) | Q(project__isnull=False) | Q(instance__isnull=False),
            ),
            models.CheckConstraint(
                name="task_has_a_lease_iff_held",
                condition=Q(status__in=["claimed", "in_progress"], lease_owner__isnull=False, lease_until__isnull=False)
                | (~Q(status__in=["claimed", "in_progress"]) & Q(lease_owner__isnull=True, lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="task_has_finished_iff_over",
                condition=Q(status__in=["completed", "cancelled"], finished_at__isnull=False)
                | (~Q(status__in=["completed", "cancelled"]) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="task_has_failed_at_once_failed", condition=~Q(status="failed") | Q(failed_at__isnull=False)
            ),
            models.CheckConstraint(
                name="task_confidence_is_a_share",
                condition=Q(routing_confidence__isnull=True) | Q(routing_confidence__range=(0, 1)),
            ),
            models.CheckConstraint(
                name="task_attempts_are_within_the_limit", condition=Q(attempts__lte=F("max_attempts"))
            ),
            models.CheckConstraint(
                name="task_status_is_known",
                condition=Q(
                    status__in=[
                        "pending",
                        "routed",
                        "claimed",
                        "in_progress",
                        "blocked",
                        "completed",
                        "failed",
                        "cancelled",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="task_priority_is_known", condition=Q(priority__in=["low", "medium", "high", "urgent"])
            ),
        ]
        indexes = [
            models.Index(name="idx_tasks_project", fields=["project", "status"]),
            models.Index(name="idx_tasks_project_newest", fields=["project", "created_at", "id"]),
            models.Index(name="idx_tasks_instance", fields=["instance", "status"]),
            models.Index(name="idx_tasks_instance_newest", fields=["instance", "created_at", "id"]),
            models.Index(name="idx_tasks_status", fields=["status", "created_at"]),
            models.Index(name="idx_tasks_created_at", fields=["created_at", "id"]),
            models.Index(name="idx_tasks_updated_at", fields=["updated_at", "id"]),
            models.Index(name="idx_tasks_owner", fields=["owner", "created_at", "id"]),
            models.Index(name="idx_tasks_requester", fields=["requester", "created_at", "id"]),
            models.Index(
                name="idx_tasks_conversation",
                fields=["conversation_id", "created_at"],
                condition=Q(conversation_id__isnull=False),
            ),
            models.Index(name="idx_tasks_source", fields=["source", "source_instance_id"]),
            models.Index(name="idx_tasks_priority", fields=["priority_rank", "id"]),
            models.Index(Coalesce("due_at", Value(NEVER)), "id", name="idx_tasks_due"),
            models.Index(
                name="idx_tasks_waiting", fields=URGENCY, condition=Q(status="pending", review_required=False)
            ),
            models.Index(name="idx_tasks_review", fields=URGENCY, condition=Q(status="pending", review_required=True)),
            models.Index(
                name="idx_tasks_held",
                fields=["project", "id", "lease_cost"],
                condition=Q(status__in=["claimed", "in_progress"]),
            ),
            models.Index(
                name="idx_tasks_expiring", fields=["lease_until"], condition=Q(status__in=["claimed", "in_progress"])
            ),
            models.Index(name="idx_tasks_parent", fields=["parent", "status"]),
            models.Index(
                name="idx_tasks_ready",
                fields=["claim_rank", "claim_by", "created_at", "id"],
                condition=Q(status="routed"),
            ),
            models.Index(
                name="idx_tasks_queue",
                fields=["project", "claim_rank", "claim_by", "created_at", "id"],
                condition=Q(status="routed"),
            ),
            models.Index(name="idx_tasks_open", fields=["project", "began"], condition=Q(status__in=OPEN_STATUSES)),
            models.Index(
                name="idx_tasks_open_due",
                fields=["due_at"],
                condition=Q(status__in=OPEN_STATUSES, due_at__isnull=False),
            ),
            models.Index(name="idx_tasks_done", fields=["project", "finished_at"], condition=Q(status="completed")),
            Gin(name="idx_tasks_tags", fields=["tags"]),
            Gin(name="idx_tasks_capabilities", fields=["required_capabilities"]),
            Gin(WORDS, name="idx_tasks_words"),
        ]

    def __str__(self) -> str:
        return self.title

    @cached_property
    def depends_on_ids(self) -> list[str]:
        """What this task waits for; `with_edges` reads it for many tasks at once."""
        return list(self.waits_for.order_by("pk").values_list("depends_on_id", flat=True))

    @cached_property
    def blocks_ids(self) -> list[str]:
        """What waits for this task; `with_edges` reads it for many tasks at once."""
        return list(self.is_waited_for_by.order_by("pk").values_list("task_id", flat=True))

    @property
    def required_now(self) -> dict[str, int]:
        """What routing asks for: the requirement, less the levels that escalation has loosened it by."""
        levels = {skill: level - self.relaxed_by for skill, level in self.required_capabilities.items()}
        return {skill: level for skill, level in levels.items() if level > 0}

    def clean(self) -> None:
        """Check that the attempts already made are within the limit."""
        if self.max_attempts is not None and self.attempts > self.max_attempts:
            raise ValidationError({"max_attempts": f"{self.attempts} attempts were made: allow at least as many."})

    def move_to(self, status: str) -> None:
        """Change status in memory; leaving the held states drops the lease.

        :raises TransitionNotAllowed: if the lifecycle has no such move
        """
        was = self.Status(self.status)
        if status not in self.MOVES[was]:
            allowed = ", ".join(sorted(self.MOVES[was])) or "nothing: it is over"
            raise TransitionNotAllowed(f"The task is {was}, so it cannot become {status}. It can become: {allowed}.")
        self.status = self.Status(status)
        if status not in self.HELD:
            self.lease_owner = self.lease_until = self.lease_cost = None
