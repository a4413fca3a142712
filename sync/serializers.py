from hopper.common.rest.serializers import LeanSerializer, StrictModelSerializer
from sync.models import ExternalMapping


class MappingSerializer(LeanSerializer):
    """A counterpart as a client sees it."""

    address = ("task_id", "platform")

    class Meta:
        model = ExternalMapping
        fields = ["task_id", "platform", "external_id", "external_url", "created_at", "updated_at", "version"]
        read_only_fields = fields


class MappingInput(StrictModelSerializer):
    """The platform, the foreign id with its repository, and its address."""

    class Meta:
        model = ExternalMapping
        fields = ["platform", "external_id", "external_url"]
        validators = ()


class MappingChange(StrictModelSerializer):
    """What may change once the tie is there."""

    class Meta:
        model = ExternalMapping
        fields = ["external_id", "external_url"]
        validators = ()
