"""Tying tasks to their counterparts, and mirroring rows into the graph."""

from sync.operations.mappings import change_mapping, create_mapping, delete_mapping
from sync.operations.mirroring import CONSUMER, Rebuilt, mirror_waiting, rebuild_graph, refresh_tags
from sync.operations.reading import SUBJECTS, read_nodes
from sync.operations.reconciling import Comparison, compare_graph, reconcile_graph
from sync.operations.watching import graph_gauges, graph_lag, graph_status

__all__ = [
    "CONSUMER",
    "SUBJECTS",
    "Comparison",
    "Rebuilt",
    "change_mapping",
    "compare_graph",
    "create_mapping",
    "delete_mapping",
    "graph_gauges",
    "graph_lag",
    "graph_status",
    "mirror_waiting",
    "read_nodes",
    "rebuild_graph",
    "reconcile_graph",
    "refresh_tags",
]
