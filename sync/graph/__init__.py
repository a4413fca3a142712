"""The port to the graph of what hangs on what: one side mirrors rows into it, the other asks."""

from django.conf import settings
from django.utils.module_loading import import_string

from sync.graph.base import KEYS, OWN, TRACE, Edge, GraphMirror, GraphRefused, GraphUnavailable, Node, Stray, Way

__all__ = [
    "KEYS", "OWN", "TRACE", "Edge", "GraphMirror", "GraphRefused", "GraphUnavailable", "Node", "Stray", "Way",
    "get_mirror",
]  # fmt: skip

MIRROR = "sync.graph.neo4j.Neo4jMirror"  # loaded where it is used: its driver takes a third of a second


def get_mirror() -> GraphMirror:
    """Return the mirror that is configured.

    :raises GraphUnavailable: if none is
    """
    if not settings.NEO4J_URL:
        raise GraphUnavailable("No graph is configured: set NEO4J_URL, like bolt://127.0.0.1:7687.")
    mirror: GraphMirror = import_string(MIRROR)()
    return mirror
