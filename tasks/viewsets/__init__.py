"""The doors of the API to tasks."""

from tasks.viewsets.tasks import TaskViewSet

__all__ = ["TaskViewSet"]
