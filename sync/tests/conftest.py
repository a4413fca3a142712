"""A graph for tests: one server for all, empty for each."""

from contextlib import suppress
from functools import partial

import pytest
from django.test import override_settings

from sync.graph.adapters import get_questions
from sync.graph.questions import GraphTooSlow, Sight
from sync.kinds import GRAPH_EVENTS


@pytest.fixture
def empty_neo4j(neo4j_url, settings):
    """Configure the Neo4j of this process's tests, without a node in it."""
    from sync.graph.neo4j.driver import run

    settings.NEO4J_URL = neo4j_url
    run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")


@pytest.fixture
def news_for_the_graph(settings):
    """Let every event that the graph shows be news for it, as a NEO4J_URL does when the process starts."""
    settings.CONSUMERS = settings.CONSUMERS | {
        kind: [*settings.CONSUMERS.get(kind, ()), "graph"] for kind in GRAPH_EVENTS
    }


@pytest.fixture
def graph(empty_neo4j, news_for_the_graph):
    """Return the mirror, to which every event that it shows is news."""
    from sync.graph import get_mirror

    return get_mirror()


@pytest.fixture(scope="session")
def warm_neo4j(neo4j_url):
    """Ask all once of a server that has just started: it plans for longer than anybody waits for an answer."""
    with override_settings(NEO4J_URL=neo4j_url):
        graph = get_questions("neo4j")
        walks = ("path_to_root", "delegation_chain", "blocked_by", "lineage_of", "stopped_without", "open_blockers")
        for question in (
            *(partial(getattr(graph, walk), "none") for walk in walks), partial(graph.patterns_to, "none", least=0),
            *(partial(graph.tags_together, least=1, sight=sight) for sight in (Sight(), Sight(places=["none"]))),
        ):  # fmt: skip
            with suppress(GraphTooSlow):
                question()
