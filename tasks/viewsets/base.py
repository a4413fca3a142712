"""What every door to tasks needs."""

from typing import Any, cast

from rest_framework.exceptions import ValidationError

from hopper.common.models import Role
from hopper.common.rest.principals import Principal, holder
from hopper.common.rest.viewsets import OperatedViewSet
from tasks.models import Task
from tasks.readiness import Executor
from tasks.serializers import TaskInput, TaskSerializer


def executor_of(principal: Principal, wanted: dict[str, Any]) -> Executor:
    """Return the executor that claims or asks; a person is a human unless it says otherwise."""
    kind = wanted.get("executor_type") or ("human" if principal.is_person else None)
    return Executor(holder(principal, wanted.get("executor")), kind)


class TaskDoors(OperatedViewSet):
    """Checked input, visible rows, and rows as a client sees them."""

    def proof_of_hold(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the fence and whose it has to be; an operator may act without, and for whoever holds the task."""
        acts_for = self.principal.may(Role.OPERATOR)
        if "fence" not in wanted and not acts_for:
            raise ValidationError({"fence": ["Send the fence that your claim was answered with."]})
        return {
            "fence": wanted.get("fence"),
            "owner": None if acts_for else holder(self.principal, wanted.get("executor")),
        }

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

    def read_all(self, tasks: list[Task]) -> list[dict[str, Any]]:
        """Return the tasks, as they now stand, as a client sees them: one query."""
        rows = Task.objects.with_edges().in_bulk([task.pk for task in tasks])
        return TaskSerializer.show_all(rows.get(task.pk, task) for task in tasks)
