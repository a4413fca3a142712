"""The work: tasks, what they wait for, and who held them."""

from tasks.models.claim import TaskClaim
from tasks.models.dependency import TaskDependency
from tasks.models.escalation import TaskEscalation
from tasks.models.task import Task, TransitionNotAllowed

__all__ = ["Task", "TaskClaim", "TaskDependency", "TaskEscalation", "TransitionNotAllowed"]
