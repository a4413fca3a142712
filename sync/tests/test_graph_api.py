"""Questions to the graph through the API: their shapes, their limits, and who may see what."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.tests.processes import free_port
from hopper.tests.refusals import refused
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Pattern
from routing.tests.factories import make_hop
from sync.graph import GraphRefused, GraphUnavailable
from sync.graph.adapters import ask
from sync.graph.questions import GraphTooSlow
from sync.operations import rebuild_graph
from tasks.models import Task, TaskDependency
from tasks.operations import add_dependency
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
DOORS = [
    "instances/{}/path-to-root", "instances/{}/away", "instances/{}/patterns", "tasks/{}/delegation-chain",
    "tasks/{}/blocked", "tasks/{}/lineage", "tasks/{}/critical-path",
]  # fmt: skip


@pytest.fixture
def house():
    """A tree of four with a private room, and five tasks of which each waits for the one before."""
    root = InstanceFactory(id="root", name="Root", scope="GLOBAL")
    team = InstanceFactory(id="team", name="Team", parent=root)
    desk = InstanceFactory(id="desk", name="Desk", parent=team, scope="ORCHESTRATION")
    InstanceFactory(id="den", name="Den", parent=root, scope="PERSONAL", config={"owner": "bob"})
    engine = ProjectFactory(name="engine", instance=team)
    place = {"dig": root, "lay": desk, "secret": {"instance_id": "den"}, "build": team, "paint": root}
    before = None
    for name, where in place.items():
        at = where if isinstance(where, dict) else {"instance": where}
        task = TaskFactory(id=name, status="routed", tags=["house", name[0]], project=engine, **at)
        if before:
            add_dependency(task=task, depends_on=before, actor="ada")
        before = task
    first = timezone.now() - timedelta(hours=2)
    lay = Task.objects.get(pk="lay")
    make_hop(lay, root, team, id="h1", status="accepted", delegated_at=first, accepted_at=first)
    make_hop(lay, team, desk, id="h2", status="accepted", delegated_at=first + timedelta(hours=1))
    return root


def told(response):
    """Return the answer's results, as `task:id` or as they are."""
    document = response.json()
    assert response.status_code == 200, document
    assert (document["answered_by"], document["truncated"]) == ("relational", False)
    return [f"{row['type']}:{row['id']}" for row in document["results"]]


@pytest.mark.usefixtures("house")
class TestAnswers:
    """What each question gives."""

    def test_path_to_root_begins_at_the_leaf(self, api):
        answer = api("viewer").get("/graph/instances/desk/path-to-root").json()

        assert answer["results"] == [
            {"type": "instance", "id": "desk", "name": "Desk"}, {"type": "instance", "id": "team", "name": "Team"},
            {"type": "instance", "id": "root", "name": "Root"},
        ]  # fmt: skip

    def test_delegation_chain_tells_each_hop_with_its_times(self, api):
        answer = api("viewer").get("/graph/tasks/lay/delegation-chain")

        assert told(answer) == ["task:lay", "instance:team", "instance:desk"]
        hop = answer.json()["results"][1]["delegation"]
        assert (hop["id"], hop["type"], hop["status"], hop["completed_at"]) == ("h1", "route", "accepted", None)
        assert hop["delegated_at"] == hop["accepted_at"] < answer.json()["results"][2]["delegation"]["delegated_at"]

    def test_blocked_lists_what_waits_the_nearest_first(self, api):
        answer = api().get("/graph/tasks/dig/blocked")

        assert answer.json()["results"][0] == {"type": "task", "id": "lay"}
        assert told(answer) == ["task:lay", "task:secret", "task:build", "task:paint"]

    def test_lineage_crosses_subtasks_and_delegations(self, api):
        TaskFactory(id="brick", parent_id="lay")
        TaskFactory(id="mortar", parent_id="brick")
        Task.objects.filter(pk="lay").update(parent="paint")

        way = ["task:paint", "task:lay", "instance:team", "instance:desk", "task:brick", "task:mortar"]
        assert told(api().get("/graph/tasks/brick/lineage")) == way
        assert told(api().get("/graph/tasks/lay/lineage")) == way

    def test_critical_path_is_the_dearest_chain_of_open_tasks(self, api):
        TaskFactory(id="quick", status="routed", instance_id="root", estimated_effort="30m")
        TaskFactory(id="long", status="routed", instance_id="root", estimated_effort="PT9H")
        for name in ("quick", "long"):
            TaskDependency.objects.create(task_id="paint", depends_on_id=name)
        answer = api().get("/graph/tasks/paint/critical-path")

        assert told(answer) == ["task:long", "task:paint"]
        assert [row["hours"] for row in answer.json()["results"]] == [9.0, None]
        assert answer.json()["hours"] == 10.0

        Task.objects.filter(pk="long").update(status="completed", finished_at=timezone.now())
        assert told(api().get("/graph/tasks/paint/critical-path")) == [
            "task:dig", "task:lay", "task:secret", "task:build", "task:paint"
        ]  # fmt: skip

    def test_away_says_why_each_task_stops(self, api):
        make_hop(Task.objects.get(pk="dig"), InstanceFactory(), Task.objects.get(pk="build").instance, id="h3")
        answer = api().get("/graph/instances/team/away").json()

        assert [(row["id"], row["why"]) for row in answer["results"]] == [
            ("build", "here"), ("lay", "below"), ("dig", "delegated"), ("paint", "waiting"), ("secret", "waiting"),
        ]  # fmt: skip
        assert answer["projects"] == ["engine"]
        assert answer["counts"] == {
            "here": 1, "below": 1, "delegated": 1, "waiting": 2, "tasks": 5, "projects": 1
        }  # fmt: skip

    def test_tags_count_at_least_as_many_tasks(self, api):
        TaskFactory.create_batch(4, tags=["house", "d"])

        shown = [{"tags": ["d", "house"], "weight": 5}]
        assert api().get("/graph/tags/co-occurrence").json()["results"] == shown
        assert api().get("/graph/tags/co-occurrence", min=6).json()["results"] == []
        assert len(api().get("/graph/tags/co-occurrence", min=1).json()["results"]) == 5

    def test_patterns_are_in_use_and_at_least_as_sure(self, api):
        also = [{"confidence": 0.6}, {"is_active": False}, {"is_anti_pattern": True}, {"target_instance": "root"}]
        named = {"pattern_type": "tag", "target_instance": "team", "confidence": 0.7}
        for n, other in enumerate([{}, {"confidence": 0.9}, *also]):
            Pattern.objects.create(id=f"r{n}", name=f"Pattern {n}", **{**named, **other})
        Pattern.objects.create(id="r9", name="By project", pattern_type="tag", target_project="engine", confidence=0.8)

        answer = api().get("/graph/instances/team/patterns")
        assert told(answer) == ["pattern:r1", "pattern:r9", "pattern:r0"]
        assert answer.json()["results"][0] == {
            "type": "pattern", "id": "r1", "name": "Pattern 1", "confidence": 0.9
        }  # fmt: skip
        assert told(api().get("/graph/instances/team/patterns", min_confidence=0.85)) == ["pattern:r1"]


@pytest.mark.usefixtures("house")
class TestWhoMaySee:
    """An answer holds what the client may see, and nothing tells of the rest."""

    @pytest.mark.parametrize(("path", "hidden"), [
        ("tasks/dig/blocked", "task:secret"), ("tasks/paint/critical-path", "task:secret"),
        ("instances/desk/away", "task:secret"), ("instances/den/away", "task:secret"),
    ])  # fmt: skip
    def test_leaves_out_what_is_in_a_private_place(self, api, path, hidden):
        assert hidden in told(api().get(f"/graph/{path}"))
        others = told(api("operator").get(f"/graph/{path}"))
        assert hidden not in others
        assert others
        assert hidden in told(api("viewer", name="bob").get(f"/graph/{path}"))

    def test_counts_only_what_is_seen(self, api):
        assert api().get("/graph/instances/den/away").json()["counts"]["tasks"] == 3
        assert api("operator").get("/graph/instances/den/away").json()["counts"]["tasks"] == 2
        assert api("operator").get("/graph/tasks/paint/critical-path").json()["hours"] == 4.0
        seen = api("operator").get("/graph/tags/co-occurrence", min=1).json()["results"]
        assert ["house", "s"] not in [row["tags"] for row in seen]

    def test_shows_a_branch_key_nothing_above_or_beside(self, api):
        client = api(instances=["team"])

        assert told(client.get("/graph/instances/desk/path-to-root")) == ["instance:desk", "instance:team"]
        assert told(client.get("/graph/tasks/lay/blocked")) == ["task:build"]
        assert client.get("/graph/instances/team/away").json()["counts"]["waiting"] == 0
        assert [row["tags"] for row in client.get("/graph/tags/co-occurrence", min=1).json()["results"]] == [
            ["b", "house"], ["house", "l"]
        ]  # fmt: skip

    def test_shows_a_project_key_nothing_of_others(self, api):
        Task.objects.filter(pk__in=["build", "paint"]).update(project=ProjectFactory(name="theirs"))
        client = api(projects=["engine"])

        assert told(client.get("/graph/tasks/dig/blocked")) == ["task:lay", "task:secret"]
        assert client.get("/graph/instances/team/away").json()["counts"]["here"] == 0
        assert ["b", "house"] not in [
            row["tags"] for row in client.get("/graph/tags/co-occurrence", min=1).json()["results"]
        ]

    def test_hides_a_hop_to_a_private_place(self, api):
        make_hop(Task.objects.get(pk="dig"), Task.objects.get(pk="dig").instance, InstanceFactory(
            id="nook", scope="PERSONAL", config={"owner": "bob"}
        ))  # fmt: skip
        assert told(api().get("/graph/tasks/dig/delegation-chain")) == ["task:dig", "instance:nook"]
        for path in ("delegation-chain", "lineage"):
            assert told(api("operator").get(f"/graph/tasks/dig/{path}")) == ["task:dig"]

    @pytest.mark.parametrize("door", DOORS)
    def test_answers_alike_for_what_is_hidden_and_what_is_not_there(self, api, door):
        client = api("viewer", instances=["team"])
        hidden = "dig" if door.startswith("tasks") else "root"

        said = {refused(client.get(f"/graph/{door.format(key)}"), 404) for key in (hidden, "gone", "a%00b", "é")}
        assert len(said) == 1


@pytest.mark.usefixtures("house")
class TestLimits:
    """Bad numbers, large answers and a graph that is away."""

    @pytest.mark.parametrize(("path", "name", "values"), [
        ("tags/co-occurrence", "min", ["0", "-1", "x", "1.5", "9" * 30, ""]),
        ("instances/team/patterns", "min_confidence", ["-0.1", "1.1", "x", "nan", "inf", ""]),
    ])  # fmt: skip
    def test_refuse_bad_numbers(self, api, path, name, values):
        for value in values:
            refused(api().get(f"/graph/{path}", **{name: value}), 400, name)
        refused(api().get(f"/graph/{path}", least=1), 400, "least")

    def test_cut_a_large_answer_and_say_so(self, api):
        rows = [Task(id=f"wait-{n:04}", title="Wait", status="pending") for n in range(1001)]
        Task.objects.bulk_create(rows, batch_size=500)
        TaskDependency.objects.bulk_create(
            [TaskDependency(task=row, depends_on_id="paint") for row in rows], batch_size=500
        )  # fmt: skip
        answer = api().get("/graph/tasks/paint/blocked").json()

        assert answer["truncated"] is True
        assert [row["id"] for row in answer["results"]] == [f"wait-{n:04}" for n in range(1000)]
        stopped = api().get("/graph/instances/root/away").json()
        assert (len(stopped["results"]), stopped["truncated"]) == (1000, True)
        assert stopped["counts"]["waiting"] == 1001


class TestStatus:
    """Who answers, and how far behind."""

    def test_has_no_lag_without_a_mirror(self, api):
        told = api("operator").get("/graph/status").json()

        assert (told["adapter"], told["answers"], told["problem"], told["lag_seconds"]) == ("relational", True, None, 0)
        assert told["rows"] == {"Instance": 0, "Project": 0, "Task": 0, "Pattern": 0}

    def test_tells_a_limited_key_nothing_of_what_is_there(self, api):
        assert api(projects=["engine"]).get("/graph/status").json() == {
            "adapter": "relational", "lag_seconds": 0.0, "waiting": 0, "dead": 0
        }  # fmt: skip


@pytest.mark.usefixtures("house")
class TestAGraphThatIsAway:
    """The rows know the same, so nobody is kept waiting."""

    def test_is_not_missed(self, api, settings, caplog):
        settings.NEO4J_URL = f"bolt://127.0.0.1:{free_port()}"
        client = api()

        assert told(client.get("/graph/instances/desk/path-to-root")) == [
            "instance:desk", "instance:team", "instance:root"
        ]  # fmt: skip
        assert "the rows answer instead of the graph" in caplog.text
        caplog.clear()
        assert told(client.get("/graph/tasks/build/blocked")) == ["task:paint"]
        assert caplog.text == ""
        status = client.get("/graph/status").json()
        assert (status["adapter"], status["answers"]) == ("neo4j", False)
        assert "does not answer" in status["problem"]
        assert "problem" not in api("viewer").get("/graph/status").json()

    @pytest.mark.parametrize(("error", "asked"), [
        (GraphUnavailable, ["neo4j", "relational", "relational"]),
        (GraphRefused, ["neo4j", "relational", "relational"]),
        (GraphTooSlow, ["neo4j", "relational", "neo4j", "relational"]),
    ])  # fmt: skip
    def test_is_left_alone_but_not_for_one_question_that_takes_too_long(self, settings, error, asked):
        settings.NEO4J_URL = f"bolt://127.0.0.1:{free_port()}"
        seen = []

        def question(graph):
            seen.append(graph.name)
            if graph.name == "neo4j":
                raise error
            return "an answer"

        assert [ask(question), ask(question)] == [("an answer", "relational")] * 2
        assert seen == asked


@pytest.mark.neo4j
@pytest.mark.usefixtures("house", "warm_neo4j", "empty_neo4j")
class TestNeo4jBehindTheApi:
    """The same documents, but for who answered."""

    PATHS = [
        *(door.format("team" if door.startswith("instances") else "lay") for door in DOORS),
        "instances/root/away", "tasks/paint/critical-path", "tags/co-occurrence?min=1",
    ]  # fmt: skip
    TAGS = PATHS[-1:]  # the only ones that the graph itself counts for somebody: the rest is asked of the rows

    def test_answers_as_the_rows_do_whoever_asks(self, api, settings):
        Pattern.objects.create(name="Boards", pattern_type="tag", target_project="engine", confidence=0.9)
        rebuild_graph()
        graph = settings.NEO4J_URL
        asked = [
            (api(), self.PATHS), (api("viewer", instances=["team"]), self.PATHS), (api("viewer"), self.TAGS),
            (api("viewer", projects=["engine"]), self.TAGS), (api("viewer", name="bob"), self.TAGS),
        ]  # fmt: skip
        for client, paths in asked:
            for path in paths:
                by_graph, by_rows = {}, {}
                for url, document in ((graph, by_graph), ("", by_rows)):
                    settings.NEO4J_URL = url
                    document |= client.get(f"/graph/{path}").json()

                if by_graph.get("status") != 404:
                    assert (by_graph.pop("answered_by"), by_rows.pop("answered_by")) == ("neo4j", "relational")
                assert by_graph == by_rows
        settings.NEO4J_URL = graph
        status = api().get("/graph/status").json()
        assert (status["adapter"], status["answers"], status["graph"]["Task"]) == ("neo4j", True, 5)
