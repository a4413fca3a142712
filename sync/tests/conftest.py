"""A graph for tests: one server for all, empty for each."""

import pytest


@pytest.fixture
def empty_neo4j(neo4j_url, settings):
    """Configure the Neo4j of this process's tests, without a node in it."""
    from sync.graph.neo4j.driver import run

    settings.NEO4J_URL = neo4j_url
    run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")


@pytest.fixture
def graph(empty_neo4j, settings):
    """Let every event that the graph shows be news for it; return the mirror."""
    from sync.graph import get_mirror

    settings.CONSUMERS = settings.CONSUMERS | {
        kind: [*settings.CONSUMERS.get(kind, ()), "graph"] for kind in settings.GRAPH_EVENTS
    }
    return get_mirror()
