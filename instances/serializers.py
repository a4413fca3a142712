from rest_framework import serializers

from hopper.common.rest.serializers import LeanSerializer, StrictModelSerializer
from instances.models import Instance

STATUS_VERBS = "Status moves by verbs: POST /api/v1/instances/{id}/start, pause, resume or terminate."

ADDRESSES = {".", "..", "tree"}


class InstanceSerializer(LeanSerializer):
    """An instance as a client sees it."""

    class Meta:
        model = Instance
        fields = [
            "id", "name", "scope", "instance_type", "status", "parent_id", "config", "description",
            "created_by", "terminated_at", "created_at", "updated_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class InstanceInput(StrictModelSerializer):
    """What a client may write; `status` only on a new instance."""

    status = serializers.ChoiceField(choices=Instance.Status.choices, required=False)

    class Meta:
        model = Instance
        fields = ["id", "name", "scope", "instance_type", "status", "parent_id", "config", "description"]
        validators = ()

    def validate(self, attrs: dict) -> dict:
        if self.instance and "status" in attrs:
            raise serializers.ValidationError({"status": [STATUS_VERBS]})
        if self.instance and attrs.get("id", self.instance.pk) != self.instance.pk:
            raise serializers.ValidationError({"id": ["An id never changes."]})
        if attrs.get("id") in ADDRESSES:
            raise serializers.ValidationError({"id": [f"{attrs['id']!r} is an address of the API: choose another."]})
        return attrs


class TreeNodeSerializer(InstanceSerializer):
    """An instance in the tree, with its depth and the open tasks that sit at it."""

    depth = serializers.IntegerField(source="tree_depth", read_only=True)
    open_tasks = serializers.IntegerField(read_only=True)

    class Meta(InstanceSerializer.Meta):
        fields = [*InstanceSerializer.Meta.fields, "depth", "open_tasks"]
        read_only_fields = fields
