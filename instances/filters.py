from hopper.common.rest.filters import StrictFilterSet
from instances.models import Instance


class InstanceFilter(StrictFilterSet):
    """What instances can be narrowed by."""

    class Meta:
        model = Instance
        fields = ["scope", "name", "status", "parent", "instance_type"]
