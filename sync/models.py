"""Where a task lives on other platforms, and how the graph was found."""

from django.core.validators import RegexValidator, URLValidator
from django.db import models

from hopper.common.models import Timestamped, Versioned
from sync.querysets import GraphCheckQuerySet, MappingQuerySet


class ExternalMapping(Timestamped, Versioned):
    """One task's counterpart on a platform; `external_id` names the repository too (`owner/repo#42`)."""

    task = models.ForeignKey("tasks.Task", models.CASCADE, related_name="mappings")
    platform = models.CharField(
        max_length=50, validators=[RegexValidator(r"^[a-z0-9_-]+\Z", "A platform is a word like github or gitlab.")]
    )
    external_id = models.CharField(max_length=200)
    external_url = models.CharField(max_length=500, null=True, blank=True, validators=[URLValidator(["https", "http"])])

    objects = MappingQuerySet.as_manager()

    class Meta:
        db_table = "external_mappings"
        constraints = [
            models.UniqueConstraint(
                name="one_mapping_per_task_and_platform", fields=["task", "platform"],
                violation_error_message="This task has a counterpart on that platform already.",
            ),
            models.UniqueConstraint(
                name="one_task_per_external_id", fields=["platform", "external_id"],
                violation_error_message="Another task stands for that one already.",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.platform} {self.external_id}"

    def natural_key(self) -> tuple[str, str]:
        return self.platform, self.external_id


class GraphCheck(Timestamped):
    """One comparison of the graph with the rows: what it found, and what of it was left after a repair.

    `differences` counts them by kind, like `{"missing node": 3}`; `skipped` rows were still under way.
    """

    differences = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    found = models.PositiveIntegerField()
    left = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    seconds = models.FloatField()

    objects = GraphCheckQuerySet.as_manager()

    class Meta:
        db_table = "graph_checks"
        constraints = [
            models.CheckConstraint(
                name="graph_check_leaves_no_more_than_it_found", condition=models.Q(left__lte=models.F("found"))
            ),
        ]
        indexes = [models.Index(name="idx_graph_checks_created_at", fields=["created_at"])]

    def __str__(self) -> str:
        return f"{self.found} differences" if self.found else "clean"
