from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """The destinations that can receive tasks."""

    name = "projects"
