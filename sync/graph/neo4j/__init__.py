"""The graph in Neo4j: the only modules that speak to its driver."""

from sync.graph.neo4j.mirror import Neo4jMirror

__all__ = ["Neo4jMirror"]
