"""Tying tasks to their counterparts, and mirroring rows into the graph."""

from sync.operations.mappings import change_mapping, create_mapping, delete_mapping
from sync.operations.mirroring import CONSUMER, Rebuilt, mirror_waiting, rebuild_graph, refresh_tags
from sync.operations.reading import SUBJECTS
from sync.operations.reconciling import Comparison, compare_graph, reconcile_graph
from sync.operations.watching import graph_lag, graph_status, last_check, missing_constraints

__all__ = [
    "CONSUMER",
    "SUBJECTS",
    "Comparison",
    "Rebuilt",
    "change_mapping",
    "compare_graph",
    "create_mapping",
    "delete_mapping",
    "graph_lag",
    "graph_status",
    "last_check",
    "mirror_waiting",
    "missing_constraints",
    "rebuild_graph",
    "reconcile_graph",
    "refresh_tags",
]
