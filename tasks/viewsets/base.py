"""What every door to tasks needs."""

from typing import Any, cast

from rest_framework.exceptions import ValidationError

from hopper.common.rest.viewsets import OperatedViewSet
from tasks.models import Task
from tasks.serializers import TaskInput, TaskSerializer


class TaskDoors(OperatedViewSet):
    """Checked input, visible rows, and rows as a client sees them."""

    def checked_task(self, entry: dict[str, Any], place: str, task: Task | None = None) -> dict[str, Any]:
        try:
            return self.seen(TaskInput.checked(entry, task, partial=task is not None))
        except ValidationError as error:
            faults = cast(dict[str, Any], error.detail)
            raise ValidationError({f"{place}.{name}": texts for name, texts in faults.items()}) from error

    def visible(self, keys: list[Any], place: str) -> list[Task]:
        names = [key for key in keys if isinstance(key, str)]
        found = Task.objects.for_principal(self.request.user).in_bulk(names)
        missing = [key for key in keys if not isinstance(key, str) or key not in found]
        if missing:
            raise ValidationError({place: [f"There is no task {str(missing[0])[:60]!r} that you may see."]})
        return [found[key] for key in keys]

    def holder(self, executor: str | None) -> str:
        return f"{self.actor}/{executor}" if executor else self.actor

    def read_all(self, tasks: list[Task]) -> list[dict[str, Any]]:
        rows = Task.objects.with_edges().in_bulk([task.pk for task in tasks])
        return TaskSerializer.show_all(rows[task.pk] for task in tasks)
