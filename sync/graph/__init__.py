"""The port to the graph of what hangs on what: one side mirrors rows into it, the other asks."""

from sync.graph.base import Edge, GraphUnavailable, Node

__all__ = ["Edge", "GraphUnavailable", "Node"]
