"""Rows and graph: a rebuild, and what is delivered."""

import pytest

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Pattern
from routing.tests.factories import make_hop
from sync.graph.neo4j.driver import run
from sync.operations import rebuild_graph
from sync.operations.reading import read_nodes
from tasks.models import TaskDependency
from tasks.tests.factories import TaskFactory

pytestmark = [pytest.mark.neo4j, pytest.mark.django_db]


@pytest.fixture
def rows():
    """One row of everything, by factories: none has an event."""
    top = InstanceFactory(id="top")
    low = InstanceFactory(id="low", parent=top)
    project = ProjectFactory(name="web", instance=low)
    other = TaskFactory(id="other", tags=["api"])
    task = TaskFactory(id="task", tags=["api", "bug"], project=project, instance=low, parent=other)
    for kind in ("blocks", "conditional"):
        TaskDependency.objects.create(task=task, depends_on=TaskFactory(id=kind), kind=kind)
    make_hop(task, top, low)
    origin = Pattern.objects.create(id="origin", name="Origin", pattern_type="tag", target_instance="nowhere")
    Pattern.objects.create(
        id="pattern", name="Derived", pattern_type="tag", target_project="web", derived_from=origin.pk,
        tag_criteria=["api"], confidence=0.8,
    )  # fmt: skip
    return {
        "Instance": ["top", "low"], "Project": ["web"], "Task": ["task", "other", "blocks", "conditional"],
        "Pattern": ["origin", "pattern"],
    }  # fmt: skip


class TestRebuildGraph:
    def test_shows_every_row_in_an_empty_graph(self, graph, rows):
        assert rebuild_graph().shown == 9

        for label, keys in rows.items():
            assert graph.nodes(label, keys) == {node.key: node for node in read_nodes(label, keys)}
        assert graph.counts() == {
            "Instance": 2, "Project": 1, "Task": 4, "Pattern": 2, "Tag": 2, "CHILD_OF": 1, "MANAGES": 2,
            "ROUTED_TO": 1, "SUBTASK_OF": 1, "DEPENDS_ON": 2, "BLOCKS": 1, "DELEGATED_TO": 1, "HAS_TAG": 3,
            "ROUTES_TO": 1, "DERIVED_FROM": 1, "MATCHES_TAG": 1, "CO_OCCURS_WITH": 1,
        }  # fmt: skip

    def test_removes_what_no_row_stands_for(self, graph, rows):
        run("CREATE (:Task {id: 'bogus', v: 999})-[:DEPENDS_ON]->(:Task {id: 'task'}), (:Tag {name: 'api'})-[:X]->(:Y)")

        rebuild_graph()

        assert graph.nodes("Task", ["bogus"]) == {}
        assert graph.strays() == []

    def test_goes_on_past_what_somebody_edited(self, graph, rows):
        rebuild_graph()
        run("MATCH (t:Task {id: 'task'}) REMOVE t:Task SET t:Gone")
        run("MATCH (t:Task {id: 'other'}) SET t.id = 7")
        run("MATCH (t:Task {id: 'blocks'}) SET t.v = 'seven', t.title = 'Odd'")

        rebuild_graph()

        assert graph.nodes("Task", rows["Task"]) == {node.key: node for node in read_nodes("Task", rows["Task"])}
        assert graph.strays() == []

    def test_overcomes_a_graph_that_is_ahead_of_a_restored_database(self, graph, rows):
        run("CREATE (:Task {id: 'task', title: 'Later', v: 999}), (:Gone {key: 'Task:other', v: 999})")

        rebuild_graph()

        assert graph.nodes("Task", rows["Task"]) == {node.key: node for node in read_nodes("Task", rows["Task"])}
