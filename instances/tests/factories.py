"""Instances for tests."""

import factory

from instances.models import Instance


class InstanceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Instance

    id = factory.Sequence(lambda n: f"instance-{n}")
    name = factory.Sequence(lambda n: f"Instance {n}")
    scope = Instance.Scope.PROJECT
    status = Instance.Status.ACTIVE
