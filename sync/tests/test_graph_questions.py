"""What Hopper relies on whoever answers: one suite over every adapter, against answers found slowly in the rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sync.graph.adapters import get_questions
from sync.graph.questions import Sight
from sync.graph.walks import longest_chain
from sync.operations import rebuild_graph
from sync.tests.graph_oracle import Oracle
from sync.tests.graph_world import TASKS, grow
from tasks.models import Task, TaskDependency

pytestmark = [pytest.mark.django_db, pytest.mark.untraced]
SEEDS = [1, 2, 3]
SIGHTS = [
    Sight(projects=["p1", "p2"]), Sight(places=["i1", "i2", "i3"]), Sight(closed=["i4", "i5", "i6"]),
    Sight(projects=["p1", "p3"], places=[f"i{n}" for n in range(12)], closed=["i2"]), Sight(places=[]),
]  # fmt: skip


@pytest.fixture(params=["relational", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def ask(request):
    """Return a function that gives the adapter, which knows the rows as they stand."""
    if request.param == "relational":
        return lambda: get_questions("relational")
    request.getfixturevalue("warm_neo4j")
    request.getfixturevalue("empty_neo4j")
    return lambda: rebuild_graph() and get_questions("neo4j")


class TestEveryAdapter:
    """An adapter joins the list instead of getting tests of its own."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_answers_as_the_rows_do(self, ask, seed):
        grow(seed)
        graph, oracle = ask(), Oracle()
        for key in oracle.places:
            assert graph.path_to_root(key) == oracle.path_to_root(key)
            assert graph.stopped_without(key) == oracle.stopped_without(key)
            for least in (0, 0.7, 0.9):
                assert graph.patterns_to(key, least=least) == oracle.patterns_to(key, least)
        for key in oracle.tasks:
            assert graph.delegation_chain(key) == oracle.delegation_chain(key)
            assert graph.blocked_by(key) == oracle.blocked_by(key)
            assert graph.lineage_of(key) == oracle.lineage_of(key)
            assert longest_chain(key, graph.open_blockers(key), oracle.minutes) == oracle.critical_path(key)
        for least in (1, 5, 9, TASKS):
            assert graph.tags_together(least=least, sight=Sight()) == oracle.tags_together(least)

    def test_counts_only_the_tasks_that_are_seen(self, ask):
        grow(SEEDS[0])
        graph, oracle = ask(), Oracle()
        for sight in SIGHTS:
            assert graph.tags_together(least=1, sight=sight) == oracle.tags_together(1, sight)


def wait(*pairs):
    """Let tasks wait for tasks, given by number; all are routed."""
    numbers = {number for pair in pairs for number in pair}
    Task.objects.bulk_create(Task(id=f"t{n:04}", title=str(n), status="pending") for n in sorted(numbers))
    TaskDependency.objects.bulk_create(
        TaskDependency(task_id=f"t{task:04}", depends_on_id=f"t{other:04}") for task, other in pairs
    )  # fmt: skip


class TestEveryWalk:
    """Deep, wide or round: each node once."""

    def test_goes_to_the_end_of_a_long_chain(self, ask):
        wait(*((n + 1, n) for n in range(300)))
        graph = ask()

        assert graph.blocked_by("t0000") == [f"t{n:04}" for n in range(1, 301)]
        assert len(longest_chain("t0300", graph.open_blockers("t0300"), lambda key: 1)) == 301

    def test_does_not_try_every_way_through_a_ladder(self, ask):
        """Between two ends there are 2 to the power of 40 ways."""
        rungs = [(3 * n + step, 3 * n) for n in range(40) for step in (1, 2)]
        wait(*rungs, *((3 * n + 3, 3 * n + step) for n in range(40) for step in (1, 2)))
        graph = ask()

        assert len(graph.blocked_by("t0000")) == 120
        chain = longest_chain("t0120", graph.open_blockers("t0120"), lambda key: 1)
        assert chain == [f"t{n:04}" for n in range(121) if n % 3 < 2]

    def test_ends_in_a_circle(self, ask):
        wait((1, 0), (2, 1), (0, 2), (3, 2))
        graph = ask()

        assert graph.blocked_by("t0000") == ["t0001", "t0002", "t0003"]
        assert longest_chain("t0003", graph.open_blockers("t0003"), lambda key: 1) == [
            "t0000", "t0001", "t0002", "t0003"
        ]  # fmt: skip

    def test_knows_nothing_of_what_is_not_there(self, ask):
        graph = ask()

        assert graph.path_to_root("gone") == graph.lineage_of("gone").tasks == ["gone"]
        assert graph.blocked_by("gone") == graph.delegation_chain("gone") == graph.open_blockers("gone") == []
        assert graph.tags_together(least=1, sight=Sight()) == graph.patterns_to("gone", least=0) == []


class TestTheRelationalAdapter:
    """One query a question, or a small number that does not grow."""

    QUERIES = {"path_to_root": 1, "delegation_chain": 1, "blocked_by": 1, "open_blockers": 1, "lineage_of": 3,
               "stopped_without": 6}  # fmt: skip

    @pytest.mark.parametrize("question", QUERIES)
    def test_asks_the_database_as_often_for_much_as_for_little(self, question):
        grow(1)
        ask = getattr(get_questions("relational"), question)
        keys = [*Oracle().places, *Task.objects.values_list("pk", flat=True)]

        counts = set()
        for key in keys:
            with CaptureQueriesContext(connection) as queries:
                ask(key)
            counts.add(len(queries))
        assert counts == {self.QUERIES[question]}
