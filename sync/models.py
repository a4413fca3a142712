"""Where a task lives on other platforms."""

from django.core.validators import RegexValidator, URLValidator
from django.db import models

from hopper.common.models import Timestamped, Versioned
from sync.querysets import MappingQuerySet


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
