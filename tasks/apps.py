from django.apps import AppConfig


class TasksConfig(AppConfig):
    """The work: tasks, what they wait for, and who holds them."""

    name = "tasks"
