"""What every mirror promises, of states alone."""

from datetime import UTC, datetime

import pytest

from sync.graph import Edge, Node

pytestmark = pytest.mark.neo4j


def task(key="t", version=1, title="One", *edges, **more):
    return Node("Task", key, version, {"title": title}, edges, **more)


def shown(graph, label="Task", *keys):
    return graph.nodes(label, keys or ("t",))


class TestApply:
    def test_shows_a_node_with_all_that_it_owns(self, graph):
        hop = Edge("DELEGATED_TO", "Instance", "i", {"delegated_at": datetime(2026, 11, 30, 12, tzinfo=UTC)})
        node = task("t", 1, "One", Edge("MANAGES", "Instance", "i", outgoing=False), hop, Edge("HAS_TAG", "Tag", "api"))

        graph.apply([node])

        assert shown(graph) == {"t": node}

    def test_replaces_what_the_node_owned(self, graph):
        graph.apply([task("t", 1, "One", Edge("HAS_TAG", "Tag", "api"), Edge("SUBTASK_OF", "Task", "u"))])
        after = task("t", 2, "Two", Edge("HAS_TAG", "Tag", "bug"))

        graph.apply([after])

        assert shown(graph) == {"t": after}

    def test_keeps_what_others_own(self, graph):
        blocked = task("blocked", 1, "Blocked", Edge("DEPENDS_ON", "Task", "t", {"kind": "blocks"}))
        graph.apply([blocked])

        graph.apply([task()])
        graph.apply([task()])

        assert shown(graph, "Task", "blocked") == {"blocked": blocked}

    @pytest.mark.parametrize("version", [1, 2])
    def test_refuses_an_older_state(self, graph, version):
        newer = task("t", 3, "Three", Edge("HAS_TAG", "Tag", "api"))
        graph.apply([newer])

        graph.apply([task("t", version, "Older", Edge("HAS_TAG", "Tag", "old"))])

        assert shown(graph) == {"t": newer}
        assert "old" not in shown(graph, "Tag", "old")

    def test_leaves_of_a_deleted_row_a_trace_that_no_older_state_overcomes(self, graph):
        graph.apply([task("t", 1, "One", Edge("HAS_TAG", "Tag", "api"))])

        graph.apply([task("t", 5, exists=False)])
        graph.apply([task("t", 4, "Older")])

        assert shown(graph) == {}
        assert graph.counts()["Gone"] == 1

    def test_remembers_an_end_that_came_first(self, graph):
        graph.apply([task("t", 5, exists=False)])

        graph.apply([task("t", 4, "Older", Edge("HAS_TAG", "Tag", "api"))])

        assert shown(graph) == {}

    def test_shows_a_row_that_was_made_again(self, graph):
        graph.apply([task("t", 5, exists=False)])

        graph.apply([task("t", 6, "Again")])

        assert shown(graph) == {"t": task("t", 6, "Again")}
        assert "Gone" not in graph.counts()

    def test_makes_no_relationship_to_what_was_deleted_later(self, graph):
        graph.apply([task("parent", 7, exists=False)])

        graph.apply([task("t", 6, "Child", Edge("SUBTASK_OF", "Task", "parent"))])

        assert shown(graph) == {"t": task("t", 6, "Child")}
        assert shown(graph, "Task", "parent") == {}

    def test_gives_a_far_end_its_properties_by_its_own_state(self, graph):
        graph.apply([task("t", 1, "One", Edge("SUBTASK_OF", "Task", "parent"))])
        assert shown(graph, "Task", "parent")["parent"].version == -1

        graph.apply([task("parent", 0, "Parent")])

        assert shown(graph, "Task", "parent") == {"parent": task("parent", 0, "Parent")}


class TestPurge:
    def test_removes_old_traces_alone(self, graph):
        graph.apply([task("t", 5, exists=False)])

        assert (graph.purge(days=1), graph.purge(days=0)) == (0, 1)


class TestCountTagsTogether:
    def test_counts_the_tasks_of_each_pair_once(self, graph):
        for number, tags in enumerate((["a", "b"], ["a", "b", "c"], ["c"])):
            graph.apply([task(f"t{number}", 1, "One", *(Edge("HAS_TAG", "Tag", tag) for tag in tags))])
        assert graph.count_tags_together() == 3

        graph.apply([task("t1", 2, "Two")])

        assert graph.count_tags_together() == 1
        counts = graph.counts()
        assert (counts["CO_OCCURS_WITH"], counts["Tag"]) == (1, 3)
