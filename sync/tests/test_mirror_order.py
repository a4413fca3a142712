"""States in any order, twice, by four writers at once: the graph ends with the last ones."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.graph import Edge, Node
from sync.graph.neo4j.driver import read, run, write

pytestmark = [pytest.mark.neo4j, pytest.mark.untraced]

KEYS = ("a", "b", "c")
WRITERS = 4


@st.composite
def histories(draw):
    """Return the states of three tasks that refer to each other, as their rows had them one after another.

    A task that was deleted is made again only when no older state of another still names it.
    """
    last = {}
    states = []
    for version in range(1, draw(st.integers(3, 10)) + 1):
        named = {edge.key for state in last.values() for edge in state.edges}
        here = {key for key, state in last.items() if state.exists}
        key = draw(st.sampled_from([key for key in KEYS if key in here or key not in named]))
        if key in here and draw(st.integers(0, 2)) == 0:
            last[key] = Node("Task", key, version, exists=False)
        else:
            last[key] = draw_state(draw, key, version, sorted(here - {key}))
        states.append(last[key])
    return states


def draw_state(draw, key, version, others):
    near = sorted(draw(st.sets(st.sampled_from(others)))) if others else ()
    edges = [Edge("DEPENDS_ON", "Task", other) for other in near]
    edges += [Edge("BLOCKS", "Task", other, outgoing=False) for other in near]
    edges += [Edge("HAS_TAG", "Tag", tag) for tag in sorted(draw(st.sets(st.sampled_from("xyz"))))]
    return Node("Task", key, version, {"title": f"{key}{version}"}, tuple(edges))


def end_of(states):
    """Return the nodes that are to be shown: the latest states, with relationships among what is still there."""
    latest = {state.key: state for state in states}
    ended = {key: state.version for key, state in latest.items() if not state.exists}
    return {
        key: Node("Task", key, state.version, state.properties, tuple(
            edge for edge in state.edges if edge.key not in ended or edge.label == "Tag"
        ))
        for key, state in latest.items() if state.exists
    }  # fmt: skip


def apply_without_guard(batch):
    """Write states as they come, as a mirror would that knows no versions."""

    def work(transaction):
        for node in batch:
            if not node.exists:
                transaction.run("MATCH (n:Task {id: $key}) DETACH DELETE n", key=node.key)
                continue
            transaction.run("MERGE (n:Task {id: $key}) SET n.title = $title, n.v = $v", key=node.key,
                            title=node.properties["title"], v=node.version)  # fmt: skip

    write(work)


def carry(states, order, apply):
    """Let four writers apply the states in this order, each in small batches of what comes next."""
    batches = [[states[n] for n in order[start : start + 3]] for start in range(0, len(order), 3)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(apply, batches))


class TestAnyOrder:
    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(data=st.data(), states=histories())
    def test_ends_with_the_latest_states(self, graph, data, states):
        order = data.draw(st.permutations([*range(len(states))] * 2))
        run("MATCH (n) DETACH DELETE n")

        carry(states, order, graph.apply)

        assert graph.nodes("Task", KEYS) == end_of(states)
        assert read("MATCH (n:Task) RETURN count(n) AS n")[0]["n"] == len(end_of(states))

    def test_would_not_without_a_guard(self, graph):
        states = [Node("Task", "a", version, {"title": f"a{version}"}, exists=version < 3) for version in (1, 2, 3)]

        carry(states, [2, 1, 0], lambda batch: [apply_without_guard([node]) for node in batch])

        assert graph.nodes("Task", KEYS) != end_of(states)


class TestFourWriters:
    def test_apply_a_thousand_events_twice_without_a_double(self, graph):
        """They touch the same instance, tags and neighbours, so their transactions meet."""
        states = [
            Node("Task", f"t{number % 100}", number + 1, {"title": f"{number}"}, (
                Edge("MANAGES", "Instance", f"i{number % 3}", outgoing=False),
                Edge("HAS_TAG", "Tag", f"tag{number % 5}"),
                Edge("DEPENDS_ON", "Task", f"t{(number * 7 + 1) % 100}"),
            ))
            for number in range(1000)
        ]  # fmt: skip
        batches = [states[start : start + 50] for start in range(0, 1000, 50)]

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(graph.apply, [*batches, *reversed(batches)]))

        assert graph.nodes("Task", [f"t{n}" for n in range(100)]) == {state.key: state for state in states[900:]}
        counts = graph.counts()
        assert (counts["Task"], counts["MANAGES"], counts["HAS_TAG"], counts["DEPENDS_ON"]) == (100,) * 4
