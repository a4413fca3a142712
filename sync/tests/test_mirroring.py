"""Changes by operations, carried into the graph as they happen."""

import pytest
from django.utils import timezone

from hopper.celery import MIRRORING, mirroring
from hopper.common import jobs
from hopper.events.models import Delivery
from hopper.management.diagnosis import examine
from instances.operations import change_instance, create_instance, delete_instance, start_instance
from projects.operations import change_project, register_project
from routing.models import Delegation, Pattern
from routing.operations import (
    accept_delegation,
    assign_task,
    change_pattern,
    create_pattern,
    delete_delegation,
    delete_pattern,
    reject_delegation,
)
from sync.graph.neo4j.driver import run
from sync.metrics import graph as graph_metrics
from sync.operations import compare_graph, graph_lag, mirror_waiting, refresh_tags
from sync.operations.reading import read_nodes
from tasks.models import Task, TaskDependency
from tasks.operations import (
    add_dependency,
    cancel_task,
    change_task,
    claim_task,
    complete_task,
    create_tasks,
    delete_task,
    remove_dependency,
    start_task,
    submit_task,
)

pytestmark = pytest.mark.django_db
ADA = {"actor": "ada"}
NOBODY = "bolt://127.0.0.1:1"


def living(**fields):
    return start_instance(instance=create_instance(**fields, **ADA), **ADA)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


@pytest.fixture
def tree():
    top = living(id="top", name="Top", scope="GLOBAL")
    low = living(id="low", name="Low", scope="PROJECT", parent=top)
    return top, low


@pytest.mark.neo4j
class TestMirrorWaiting:
    def test_follows_a_life_step_by_step(self, graph, tree):
        """After each change what was delivered is all there is to see."""
        top, low = tree
        web = register_project(name="web", slug="web", **ADA)
        other = submit_task(id="other", title="Other", tags=["api"], **ADA)
        task = submit_task(id="task", title="Task", tags=["api", "bug"], **ADA)
        living(name="Beside", scope="PROJECT", parent=top)  # is asked next
        hop = []
        steps = [
            lambda: change_project(project=web, instance=top, **ADA),
            lambda: change_task(task=fresh(task), title="Renamed", tags=["api"], parent=fresh(other), **ADA),
            lambda: change_task(task=fresh(task), parent=None, **ADA),
            lambda: add_dependency(task=fresh(task), depends_on=fresh(other), **ADA),
            lambda: add_dependency(task=fresh(other), depends_on=submit_task(title="Third", **ADA), kind="conditional",
                                   **ADA),
            lambda: remove_dependency(task=fresh(task), depends_on=fresh(other), **ADA),
            lambda: assign_task(task=fresh(task), project=fresh(web), **ADA),
            lambda: hop.append(Delegation.objects.get(task=task)),
            lambda: reject_delegation(delegation=fresh(hop[0]), reason="busy", **ADA),
            lambda: delete_delegation(delegation=fresh(hop[0]), **ADA),
            lambda: hop.append(Delegation.objects.get(task=task)),
            lambda: accept_delegation(delegation=fresh(hop[1]), **ADA),
            lambda: start_task(task_id="task", fence=claim_task(task_id="task", owner="ada").fence, owner="ada", **ADA),
            lambda: complete_task(task_id="task", fence=fresh(task).fence, owner="ada", **ADA),
            lambda: change_instance(instance=fresh(low), name="Lower", **ADA),
            lambda: cancel_task(task=fresh(other), **ADA),
            lambda: delete_task(task=fresh(other), **ADA),
            lambda: submit_task(id="other", title="Again", **ADA),
        ]  # fmt: skip
        for step in steps:
            step()
            while mirror_waiting():
                pass
            assert [str(one) for one in compare_graph().differences] == []
        assert graph.nodes("Task", ["other"])["other"].properties["title"] == "Again"
        assert not Delivery.objects.undone().filter(consumer="graph").exists()

    def test_leads_patterns_to_what_there_is(self, graph, tree):
        web = register_project(name="web", slug="web", **ADA)
        pattern = {"name": "P", "pattern_type": "tag", **ADA}
        create_pattern(id="by-project", target_project="web", tag_criteria=["api"], **pattern)
        create_pattern(id="by-name", target_instance="later", derived_from="origin", **pattern)
        mirror_waiting()
        assert shown_of(graph, "by-project", "by-name") == {"MATCHES_TAG api"}

        change_project(project=web, instance=tree[1], **ADA)
        later = create_instance(id="later", name="Later", scope="PERSONAL", **ADA)
        origin = create_pattern(id="origin", target_project="web", **pattern)
        mirror_waiting()
        assert shown_of(graph, "by-name") == {"ROUTES_TO later", "DERIVED_FROM origin"}
        assert shown_of(graph, "by-project") == {"MATCHES_TAG api", "ROUTES_TO low"}

        delete_instance(instance=later, **ADA)
        delete_pattern(pattern=origin, **ADA)
        change_pattern(pattern=fresh_pattern("by-project"), confidence=0.9, **ADA)
        mirror_waiting()
        assert shown_of(graph, "by-name") == set()
        assert compare_graph().differences == []

    def test_reads_a_batch_in_as_many_questions_as_one_row(self, tree, django_assert_num_queries):
        create_tasks(rows=[{"id": f"t{n}", "title": "One", "tags": ["api"]} for n in range(50)], **ADA)
        TaskDependency.objects.create(task_id="t0", depends_on_id="t1")

        for keys in (["t0"], [f"t{n}" for n in range(50)]):
            with django_assert_num_queries(5):
                assert len(read_nodes("Task", keys)) == len(keys)

    def test_counts_which_tags_stand_together(self, graph):
        create_tasks(rows=[{"title": "One", "tags": ["api", "bug"]} for _ in range(3)], **ADA)
        mirror_waiting()

        assert refresh_tags() == 1
        assert graph.counts()["CO_OCCURS_WITH"] == 1


def fresh_pattern(key):
    return Pattern.objects.get(pk=key)


def shown_of(graph, *keys):
    return {f"{edge.type} {edge.key}" for node in graph.nodes("Pattern", keys).values() for edge in node.edges}


class TestAnOutage:
    """Nobody answers at the address of the graph."""

    @pytest.fixture(autouse=True)
    def _away(self, settings, news_for_the_graph):
        settings.NEO4J_URL = NOBODY

    def test_lets_the_life_of_a_task_go_on(self, api):
        register_project(name="web", slug="web", **ADA)
        client = api()

        made = client.post("/tasks", title="Graph is away", project="web")
        jobs.run("routing.route_waiting_tasks")
        task = f"/tasks/{made.json()['id']}"
        taken = client.post(f"{task}/claim")
        fence = taken.json()["fence"]
        started, done = client.post(f"{task}/start", fence=fence), client.post(f"{task}/complete", fence=fence)

        assert (made.status_code, taken.status_code, started.status_code, done.status_code) == (201, 200, 200, 200)

    def test_keeps_every_attempt(self):
        submit_task(title="One", **ADA)

        assert mirror_waiting() == 0

        delivery = Delivery.objects.get(consumer="graph")
        assert (delivery.attempts, delivery.status) == (0, "leased")
        assert "does not answer" in delivery.last_error

    def test_is_seen_by_its_lag_and_by_doctor(self):
        submit_task(title="One", **ADA)
        Delivery.objects.filter(consumer="graph").update(created_at=timezone.now() - timezone.timedelta(hours=1))

        assert graph_lag()["lag_seconds"] >= 3600
        (found,) = (finding for finding in examine() if finding.name == "Neo4j")
        assert (found.state, NOBODY in found.detail) == ("problem", True)


class TestTheClock:
    @pytest.mark.parametrize(("on_write", "seconds"), [(True, 2), (False, 90)])
    def test_mirrors_at_once_or_by_the_interval(self, settings, on_write, seconds):
        settings.NEO4J_URL = NOBODY
        settings.GRAPH_SYNC_ON_WRITE, settings.GRAPH_SYNC_INTERVAL = on_write, 90

        assert mirroring()[MIRRORING]["schedule"].total_seconds() == seconds

    def test_does_nothing_without_a_graph(self):
        submit_task(title="One", **ADA)

        assert not Delivery.objects.filter(consumer="graph").exists()
        assert mirroring() == {}
        assert (jobs.run("sync.mirror_waiting"), jobs.run("sync.check_graph"), list(graph_metrics())) == (0, None, [])

    @pytest.mark.neo4j
    def test_mends_what_no_delivery_spoke_of(self, graph):
        submit_task(id="t", title="One", **ADA)
        mirror_waiting()
        run("MATCH (t:Task) DETACH DELETE t")

        assert (jobs.run("sync.check_graph"), jobs.run("sync.check_graph")) == (1, 0)
        assert next(graph_metrics()).samples[0].value == 0
        assert set(graph.nodes("Task", ["t"])) == {str(Task.objects.get().pk)}
