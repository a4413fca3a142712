"""Projects for tests."""

import factory

from projects.models import Project


class ProjectFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"project-{n}")
    slug = factory.SelfAttribute("name")
