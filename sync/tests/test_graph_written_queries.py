"""The queries of the graph's written design, as docs/graph-questions.md gives them, beside the answers of the port."""

import re

import pytest
from django.conf import settings

from sync.graph.adapters import get_questions
from sync.graph.neo4j.driver import get_driver
from sync.graph.questions import Sight
from sync.operations import rebuild_graph
from sync.tests.graph_oracle import Oracle
from sync.tests.graph_world import grow

pytestmark = [pytest.mark.neo4j, pytest.mark.django_db, pytest.mark.untraced]
PAGE = settings.BASE_DIR / "docs" / "graph-questions.md"
WRITTEN = dict(re.findall(r"```cypher\n(// .*?)\n(.*?)```", PAGE.read_text(), re.DOTALL))


@pytest.fixture
def asked(warm_neo4j, empty_neo4j):
    """Return a function that runs a written query by how its comment begins, on a mirrored house."""
    grow(1)
    rebuild_graph()

    def run(begins, **parameters):
        (title,) = [title for title in WRITTEN if title.startswith(f"// {begins}")]
        with get_driver().session() as session:
            return list(session.run(f"{title}\n{WRITTEN[title]}", parameters))

    return run


def test_written_queries_give_what_the_port_gives(asked):
    port, oracle = get_questions("neo4j"), Oracle()
    for key in oracle.tasks:
        hops = [path["path"].relationships for path in asked("Get full delegation chain", taskId=key)]
        assert all(len(way) == 1 for way in hops)
        assert {way[0]["delegation_id"] for way in hops} == {hop.key for hop in port.delegation_chain(key)}

        blocked = {row["blocked"]["id"] for row in asked("Find all tasks blocked", taskId=key)}
        assert blocked == set(port.blocked_by(key))

        roots = {row["path"].nodes[0]["id"] for row in asked("Trace task lineage", taskId=key)}
        line = port.lineage_of(key).tasks
        assert roots == set(line[line.index(key) + 1 :])
    for key, place in oracle.places.items():
        ways = [[node["id"] for node in row["path"].nodes] for row in asked("Get instance hierarchy", instanceId=key)]
        assert ways == ([port.path_to_root(key)] if place.parent_id else [])

        sure = [row["p"] for row in asked("Find patterns", instanceId=key)]
        wanted = [found for found in port.patterns_to(key, least=0.7) if found in {node["id"] for node in sure}]
        assert [node["id"] for node in sorted(sure, key=lambda node: (-node["confidence"], node["id"]))] == wanted
        assert {node["confidence"] for node in sure} <= {0.7000001, 0.9}
        assert len(port.patterns_to(key, least=0.70000001)) == len(sure)
    tags = sorted(asked("Find commonly co-occurring tags"), key=lambda row: (-row[2], row[0], row[1]))
    assert [tuple(row) for row in tags] == port.tags_together(least=6, sight=Sight())
    assert tags
