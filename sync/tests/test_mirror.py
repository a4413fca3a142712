"""Which events are news for the graph, and how a node differs from what it should be: no database."""

import ast
import re

import pytest

from hopper.tests.code_rules import product_code
from routing.models import Delegation, Duplicate
from sync.graph import Edge, Node
from sync.kinds import GRAPH_EVENTS
from sync.mirror import Difference, TaskRow, Wait, compare, far_ends, show_task

SHOWN = re.compile(r"(task|instance|project|pattern|delegation)\.[a-z_]*[a-z]\Z")
# Kinds of events that change nothing which the graph shows.
UNSEEN = {
    "task.aged", "task.blocker_lost", "task.duplicate_confirmed", "task.duplicate_dismissed",
    "task.duplicate_suggested", "task.freed", "task.identified", "task.kept", "task.subtask_lost",
    "delegation.changed",  # its reason, or when an offer ends
    "delegation.deleted",  # said again of its task, as task.delegation_removed
}  # fmt: skip
# What `f"delegation.{hop.status}"` and its like stand for.
FILLED_IN = {
    "delegation.": {f"delegation.{status}" for status in Delegation.Status if status != "pending"},
    "task.duplicate_": {f"task.duplicate_{status}" for status in Duplicate.Status},
    "instance.": {f"instance.{what}" for what in ("started", "paused", "resumed", "terminated")},
}


def kinds_in_the_code():
    """Return each kind of event about a row that the graph shows, as operations record it."""
    found = set()
    for source in product_code():
        if "/operations" not in source.path:
            continue
        for node in source.nodes:
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                found |= FILLED_IN.get(node.values[0].value, set())
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SHOWN.match(node.value):
                found.add(node.value)
    return found


class TestGraphEvents:
    def test_are_all_that_change_what_the_graph_shows(self):
        assert kinds_in_the_code() == {*GRAPH_EVENTS, *UNSEEN}

    def test_are_none_of_the_unseen(self):
        assert not UNSEEN & set(GRAPH_EVENTS)


class TestShowTask:
    def test_says_of_every_kind_that_it_depends_and_of_one_that_it_blocks(self):
        waits = [Wait(kind, kind) for kind in ("blocks", "conditional", "waits_for_children")]

        edges = show_task(TaskRow("t", "One", "pending", "low", waits=tuple(waits)), 1).edges

        assert {(edge.type, edge.key) for edge in edges} == {
            ("DEPENDS_ON", "blocks"), ("DEPENDS_ON", "conditional"), ("DEPENDS_ON", "waits_for_children"),
            ("BLOCKS", "blocks"),
        }  # fmt: skip


def node(*edges, version=1, **properties):
    return Node("Task", "t", version, properties, edges)


API, BUG = Edge("HAS_TAG", "Tag", "api"), Edge("HAS_TAG", "Tag", "bug")


class TestCompare:
    @pytest.mark.parametrize(
        ("wanted", "shown", "found"),
        [
            (node(API), node(API), []),
            (node(), None, [("missing node", "")]),
            (node(), node(version=-1), [("missing node", "")]),
            (node(title="a"), node(title="b"), [("changed node", "")]),
            (node(title="a"), node(title="a", more=1), [("changed node", "")]),
            (node(version=2), node(version=1), []),
            (node(version=1), node(version=2), [("changed node", "")]),
            (node(API), node(), [("missing relationship", "HAS_TAG Tag api")]),
            (node(API), node(API, API), [("bogus relationship", "HAS_TAG Tag api")]),
            (node(API), node(Edge("HAS_TAG", "Tag", "api", {"x": 1})), [("changed relationship", "HAS_TAG Tag api")]),
            (node(API), node(BUG), [("missing relationship", "HAS_TAG Tag api"),
                                    ("bogus relationship", "HAS_TAG Tag bug")]),
        ],
    )  # fmt: skip
    def test_names_each_difference_once(self, wanted, shown, found):
        assert [(one.kind, one.about) for one in compare(wanted, shown)] == found

    def test_leaves_out_what_went_with_its_far_end(self):
        absent = far_ends(node(API, BUG), node(BUG))

        (found,) = compare(node(API, BUG), node(BUG), absent)

        assert found == Difference("missing", "Task", "t", "HAS_TAG Tag api", with_its_end=True)
