"""Names in the schema for choices whose fields share a name; settings cannot reach classes inside models."""

from feedback.models import TaskFeedback
from instances.models import Instance
from routing.models import DecidedBy, Delegation, Episode, Pattern, TaskAdvice
from tasks.models import Task, TaskDependency

TASK_STATUS = Task.Status.choices
INSTANCE_STATUS = Instance.Status.choices
DELEGATION_STATUS = Delegation.Status.choices
TASK_SOURCE = Task.Source.choices
EPISODE_SOURCE = Episode.Source.choices
PATTERN_SOURCE = Pattern.Source.choices
FEEDBACK_SOURCE = TaskFeedback.Source.choices
DECIDED_BY = DecidedBy.choices
DEPENDENCY_KIND = TaskDependency.Kind.choices
ADVICE_KIND = TaskAdvice.Kind.choices
