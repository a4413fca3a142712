"""Everything that changes the tree."""

from instances.operations.life import (
    InstanceHasOpenWork,
    close_branch,
    pause_instance,
    resume_instance,
    start_instance,
    terminate_branch,
    terminate_instance,
)
from instances.operations.tree import change_instance, create_instance, delete_instance

__all__ = [
    "InstanceHasOpenWork",
    "change_instance",
    "close_branch",
    "create_instance",
    "delete_instance",
    "pause_instance",
    "resume_instance",
    "start_instance",
    "terminate_branch",
    "terminate_instance",
]
