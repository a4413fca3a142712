"""What sync does: ties tasks to their counterparts, mirrors rows into the graph, and answers what hangs on what."""

from sync.graph.adapters import configured as graph_adapter
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
from sync.operations.mirroring import CONSUMER, Rebuilt, mirror_waiting, rebuild_graph, refresh_tags
from sync.operations.reading import SUBJECTS
from sync.operations.reconciling import Comparison, compare_graph, reconcile_graph
from sync.operations.watching import graph_lag, graph_status, last_check, missing_constraints

__all__ = [
    "CONSUMER",
    "SUBJECTS",
    "Answer",
    "Comparison",
    "Item",
    "Rebuilt",
    "change_mapping",
    "compare_graph",
    "create_mapping",
    "critical_path",
    "delegation_chain",
    "delete_mapping",
    "graph_adapter",
    "graph_lag",
    "graph_status",
    "last_check",
    "lineage_of",
    "mirror_waiting",
    "missing_constraints",
    "path_to_root",
    "patterns_to",
    "rebuild_graph",
    "reconcile_graph",
    "refresh_tags",
    "tags_together",
    "tasks_blocked_by",
    "what_stops_without",
]
