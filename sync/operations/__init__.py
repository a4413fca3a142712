"""What sync does: ties tasks to their counterparts, and answers what hangs on what."""

from sync.operations.asking import (
    Answer,
    Item,
    critical_path,
    delegation_chain,
    lineage_of,
    path_to_root,
    patterns_to,
    tags_together,
    tasks_blocked_by,
    what_stops_without,
)
from sync.operations.mappings import change_mapping, create_mapping, delete_mapping

__all__ = [
    "Answer", "Item", "change_mapping", "create_mapping", "critical_path", "delegation_chain",
    "delete_mapping", "lineage_of", "path_to_root", "patterns_to", "tags_together", "tasks_blocked_by",
    "what_stops_without",
]  # fmt: skip
