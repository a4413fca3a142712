from rest_framework import serializers

from hopper.common.rest.serializers import (
    LeanSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictModelSerializer,
    StrictSerializer,
)
from instances.models import Instance

STATUS_VERBS = "Status moves by verbs: POST /api/v1/instances/{id}/start, pause, resume or terminate."
LONGEST_REASON = 500

ADDRESSES = {".", "..", "tree"}


class InstanceSerializer(LeanSerializer):
    """An instance as a client sees it."""

    class Meta:
        model = Instance
        fields = [
            "id", "name", "scope", "instance_type", "status", "parent_id", "config", "description",
            "expires_at", "closing", "created_by", "terminated_at", "created_at", "updated_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class InstanceInput(StrictModelSerializer):
    """What a client may write; `status` only on a new instance."""

    status = serializers.ChoiceField(choices=Instance.Status.choices, required=False)

    class Meta:
        model = Instance
        fields = ["id", "name", "scope", "instance_type", "status", "parent_id", "config", "description", "expires_at"]
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
    """An instance in the tree, with its depth, the open tasks that sit at it, and how many live directly below."""

    depth = serializers.IntegerField(source="tree_depth", read_only=True)
    open_tasks = serializers.IntegerField(read_only=True)
    children = serializers.IntegerField(source="children_count", read_only=True)

    class Meta(InstanceSerializer.Meta):
        fields = [*InstanceSerializer.Meta.fields, "depth", "open_tasks", "children"]
        read_only_fields = fields


class DrainInput(StrictSerializer):
    """How to drain an instance."""

    reroute = StrictBooleanField(required=False, help_text="Send what nobody holds back to routing.")
    reason = StrictCharField(required=False, allow_blank=True, max_length=LONGEST_REASON)


class EndInput(StrictSerializer):
    """How to end an instance."""

    open_work = serializers.ChoiceField(
        choices=["refuse", *Instance.Closing.values], required=False,
        help_text="refuse: 409 while work is open; wait: end with the last task; reroute: send back what nobody holds.",
    )  # fmt: skip
    branch = StrictBooleanField(required=False, help_text="Everything below too.")
    reason = StrictCharField(required=False, allow_blank=True, max_length=LONGEST_REASON)
