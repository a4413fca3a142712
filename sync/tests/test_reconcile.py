"""`graph`: rebuilt from the rows, compared with them, and mended."""

import json

import pytest

from hopper.events.models import Delivery
from hopper.tests.commands import ask, fail
from sync.graph.neo4j.driver import run
from sync.models import GraphCheck
from sync.operations import mirror_waiting, rebuild_graph
from tasks.models import Task
from tasks.operations import change_task, create_tasks, delete_task
from tasks.tests.factories import TaskFactory

pytestmark = [pytest.mark.neo4j, pytest.mark.django_db]


@pytest.fixture
def forty(graph):
    """Forty tasks in the graph: the first ten are children of the last ten."""
    rows = [{"id": f"t{n}", "title": f"Task {n}", "tags": ["api", f"tag{n % 3}"]} for n in range(40)]
    create_tasks(rows=rows, actor="ada")
    for number in range(10):
        change_task(task=Task.objects.get(pk=f"t{number}"), parent=Task.objects.get(pk=f"t{number + 30}"), actor="ada")
    assert mirror_waiting() == 40


def edit_by_hand():
    """Delete ten nodes, add ten relationships, change ten properties."""
    run("MATCH (t:Task) WHERE t.id IN $ids DETACH DELETE t", ids=[f"t{n}" for n in range(30, 40)])
    pairs = "UNWIND range(10, 18) AS n MATCH (a:Task {id: 't' + n}), (b:Task {id: 't' + (n + 1)})"
    run(f"{pairs} CREATE (a)-[:DEPENDS_ON]->(b)")
    run("MATCH (a:Tag {name: 'api'}), (b:Tag {name: 'tag0'}) CREATE (a)-[:KNOWS]->(b)")
    run("UNWIND range(20, 29) AS n MATCH (t:Task {id: 't' + n}) SET t.status = 'paused'")


class TestReconcile:
    def test_finds_thirty_hand_edits_and_mends_them_once(self, forty):
        assert ask("graph", "reconcile", "--check")["found"] == 0
        edit_by_hand()

        shown, sentence = fail("graph", "reconcile", "--check", "--json")
        assert sentence.startswith("The graph differs from the rows in 30 places. Type: python manage.py graph")
        assert json.loads(shown)["by_kind"] == {"missing node": 10, "bogus relationship": 10, "changed node": 10}

        assert {name: ask_again()[name] for name in ("found", "left")} == {"found": 30, "left": 0}
        assert ask("graph", "reconcile")["found"] == 0
        deliveries = Delivery.objects.count()
        assert ask_again()["found"] == 0
        assert Delivery.objects.count() == deliveries

    def test_finds_what_no_row_stands_for(self, forty):
        run("CREATE (:Task {id: 'bogus', title: 'Hand-made'}), (:Pattern {name: 'no key'})")
        run("MATCH (t:Tag {name: 'tag1'}) DETACH DELETE t")

        assert ask_again()["by_kind"] == {"bogus node": 2, "missing node": 1}
        assert ask("graph", "reconcile")["found"] == 0

    def test_finds_rows_that_were_stored_without_an_event(self, forty):
        TaskFactory(id="loaded")
        Task.objects.filter(pk="t0").update(title="Changed by plain SQL")

        assert ask_again()["by_kind"] == {"missing node": 1, "changed node": 1}
        assert ask("graph", "reconcile")["found"] == 0

    def test_leaves_alone_what_is_still_under_way(self, forty):
        change_task(task=Task.objects.get(pk="t0"), title="Another", actor="ada")
        delete_task(task=Task.objects.get(pk="t1"), actor="ada")

        answer = ask("graph", "reconcile")

        assert (answer["found"], answer["skipped"]) == (0, 1)

    def test_mends_a_graph_that_is_ahead_of_a_restored_database(self, forty):
        run("MATCH (t:Task {id: 't0'}) SET t.v = 999999999, t.title = 'Of another time'")

        assert ask_again()["by_kind"] == {"changed node": 1}
        assert ask("graph", "reconcile")["found"] == 0

    def test_mends_what_lost_its_label_its_key_or_its_version(self, forty):
        """What a hand may leave in the graph stops neither the comparison nor the repair."""
        run("MATCH (t:Task {id: 't39'}) REMOVE t:Task")
        run("MATCH (t:Task {id: 't38'}) SET t.id = 38")
        run("MATCH (t:Task {id: 't37'}) SET t.v = 'seven'")

        found = ask_again()

        assert {line for line in found["differences"] if " node: " in line} == {
            "bogus node: Task", "missing node: Task t37", "missing node: Task t38", "missing node: Task t39"
        }  # fmt: skip
        assert found["left"] == 0
        assert ask("graph", "reconcile")["found"] == 0

    def test_cannot_tell_without_a_graph(self, settings, capsys):
        settings.NEO4J_URL = "bolt://127.0.0.1:1"

        error = refusal("graph", "reconcile")
        assert error.returncode == 2
        assert "does not answer at bolt://127.0.0.1:1: start it" in str(error)

        settings.NEO4J_URL = ""
        assert "set NEO4J_URL" in str(refusal("graph", "reconcile"))

    def test_keeps_what_it_found(self, forty):
        run("MATCH (t:Task {id: 't0'}) SET t.status = 'paused'")
        fail("graph", "reconcile")

        check = GraphCheck.objects.latest_first().first()

        assert (check.found, check.left, check.differences) == (1, 1, {"changed node": 1})


class TestStatus:
    def test_shows_both_sides(self, forty):
        rebuild_graph()
        change_task(task=Task.objects.get(pk="t0"), title="Another", actor="ada")

        answer = ask("graph", "status")

        assert (answer["rows"]["Task"], answer["graph"]["Task"]) == (40, 40)
        assert (answer["waiting"], answer["dead"], answer["missing_constraints"]) == (1, 0, [])

    def test_says_that_the_graph_is_away(self, settings):
        settings.NEO4J_URL = "bolt://127.0.0.1:1"

        answer = ask("graph", "status")

        assert (answer["configured"], answer["answers"]) == (True, False)
        assert "start it, or unset NEO4J_URL" in answer["problem"]


def ask_again():
    return ask("graph", "reconcile", "--repair")


def refusal(*words):
    from django.core.management import CommandError, call_command

    with pytest.raises(CommandError) as refused:
        call_command(*words)
    return refused.value
