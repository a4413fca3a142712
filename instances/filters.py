from django_filters import rest_framework as filters

from instances.models import Instance


class InstanceFilter(filters.FilterSet):
    """What instances can be narrowed by."""

    class Meta:
        model = Instance
        fields = ["scope", "name", "status", "parent", "instance_type"]
