"""Everything that changes tasks, in the order of a task's life."""

from tasks.operations.bulk import create_tasks, delete_tasks, import_finished_tasks, update_tasks
from tasks.operations.claiming import TaskNotClaimable, claim_next, claim_task
from tasks.operations.dependencies import (
    add_dependency,
    change_dependency,
    remove_dependency,
    set_dependencies,
)
from tasks.operations.ending import cancel_task, complete_elsewhere, complete_task, fail_task
from tasks.operations.escalating import escalate_tasks
from tasks.operations.evacuation import drain_instance, end_instance, settle_instances
from tasks.operations.explaining import explain
from tasks.operations.foreseeing import foresee
from tasks.operations.identity import set_external_identity
from tasks.operations.intake import change_task, delete_task, submit_task
from tasks.operations.leases import LeaseLost, heartbeat_task, release_task, start_task
from tasks.operations.moving import move_task, raise_to_person
from tasks.operations.placing import (
    block_task,
    hold_for_review,
    place_task,
    retry_task,
    return_to_routing,
    unblock_task,
)
from tasks.operations.subtasks import decompose_task
from tasks.operations.sweeping import claim_for_projects, promote_aged, reap_leases

__all__ = [
    "LeaseLost",
    "TaskNotClaimable",
    "add_dependency",
    "block_task",
    "cancel_task",
    "change_dependency",
    "change_task",
    "claim_for_projects",
    "claim_next",
    "claim_task",
    "complete_elsewhere",
    "complete_task",
    "create_tasks",
    "decompose_task",
    "delete_task",
    "delete_tasks",
    "drain_instance",
    "end_instance",
    "escalate_tasks",
    "explain",
    "fail_task",
    "foresee",
    "heartbeat_task",
    "hold_for_review",
    "import_finished_tasks",
    "move_task",
    "place_task",
    "promote_aged",
    "raise_to_person",
    "reap_leases",
    "release_task",
    "remove_dependency",
    "retry_task",
    "return_to_routing",
    "set_dependencies",
    "set_external_identity",
    "settle_instances",
    "start_task",
    "submit_task",
    "unblock_task",
    "update_tasks",
]
