"""Tasks for tests."""

import factory

from tasks.models import Task


class TaskFactory(factory.django.DjangoModelFactory):
    """A pending task; `routed=True` places it in a project."""

    class Meta:
        model = Task

    class Params:
        routed = factory.Trait(
            status=Task.Status.ROUTED, project=factory.SubFactory("projects.tests.factories.ProjectFactory")
        )

    title = factory.Sequence(lambda n: f"Task {n}")
