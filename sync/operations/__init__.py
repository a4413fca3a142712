"""Tying tasks to their counterparts, and mirroring rows into the graph."""

from sync.operations.mappings import change_mapping, create_mapping, delete_mapping
from sync.operations.mirroring import CONSUMER, Rebuilt, mirror_waiting, rebuild_graph, refresh_tags
from sync.operations.reading import read_nodes

__all__ = [
    "CONSUMER",
    "Rebuilt",
    "change_mapping",
    "create_mapping",
    "delete_mapping",
    "mirror_waiting",
    "read_nodes",
    "rebuild_graph",
    "refresh_tags",
]
