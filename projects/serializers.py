from rest_framework import serializers

from hopper.common.rest.serializers import LeanSerializer, StrictModelSerializer
from projects.models import Project
from projects.querysets import EVERY

WRITABLE = [
    "name", "slug", "repository", "capabilities", "tags", "executor_type", "executor_config", "auto_claim",
    "priority_boost", "velocity", "sla", "capacity", "capacity_cost", "webhook_url", "api_endpoint", "sync_config",
    "instance_id", "is_active",
]  # fmt: skip


class ProjectSerializer(LeanSerializer):
    """A project as a client sees it."""

    class Meta:
        model = Project
        fields = [*WRITABLE, "created_at", "created_by", "updated_at", "last_sync", "version"]
        read_only_fields = fields


class ProjectInput(StrictModelSerializer):
    """What a client may write."""

    class Meta:
        model = Project
        fields = WRITABLE
        extra_kwargs = {"slug": {"required": False}, "name": {"validators": []}}
        validators = ()


class StatisticsSerializer(serializers.Serializer):
    """How many tasks a project has, in all and by status."""

    total_tasks = serializers.IntegerField()

    def get_fields(self) -> dict[str, serializers.Field]:
        by_status = {status: serializers.IntegerField(source=f"{status}_tasks") for status in EVERY}
        return super().get_fields() | by_status
