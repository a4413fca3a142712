"""The path every task takes, once, out loud: submit, route, claim, start, complete, feedback."""

import json

import pytest
from celery import shared_task
from django.core.management import call_command
from django.db import transaction

from feedback.models import TaskFeedback
from hopper.common.jobs import run
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode
from routing.tests.factories import activate_rules, make_projects, votes_for
from tasks.models import Task
from tasks.operations import submit_task

PATH = ["task.submitted", "task.routed", "task.claimed", "task.started", "task.completed", "feedback.recorded"]


@shared_task(name="tests.broken_doorbell")
def broken_doorbell(key):
    """Fail as a job may."""
    raise RuntimeError(f"nobody can route {key}")


@pytest.fixture
def sark():
    """The one project that can do the work, served by an instance of its own."""
    activate_rules()
    ProjectFactory(name="czarina")
    return ProjectFactory(name="sark", capabilities={"python": 4}, instance=InstanceFactory(id="sark-1"))


def events_of(task):
    """Return what happened to the task and its feedback, in the order it happened."""
    return list(Event.objects.filter(aggregate_id=task.pk).order_by("id").values_list("type", flat=True))


@pytest.mark.django_db(transaction=True)
class TestTheStraightPath:
    def test_leads_from_submission_to_feedback_through_http(self, api, sark):
        ada, robot = api("operator", name="ada"), api("executor", name="robot")

        body = ada.post("/tasks", title="Add MCP integration", tags=["mcp"], required_capabilities=["python"])

        task = body.json()
        address = f"/tasks/{task['id']}"
        assert (body.status_code, task["status"], task["project"], task["instance_id"]) == (
            201,
            "routed",
            "sark",
            "sark-1",
        )
        assert body["location"].endswith(address)
        assert task["routing_confidence"] == task["decision"]["confidence"] >= 0.6
        assert task["routing_reasoning"].startswith("sark ")
        assert task["decision"]["episode_id"] == Episode.objects.get().pk

        claim = robot.post(f"{address}/claim").json()
        fence = claim["fence"]
        assert (claim["task"]["status"], fence, claim["task"]["lease_owner"]) == ("claimed", 1, "robot")
        assert robot.post(f"{address}/start", fence=fence).json()["status"] == "in_progress"
        done = robot.post(f"{address}/complete", fence=fence, result={"merged": True}).json()
        assert (done["status"], done["result"], done["lease_owner"]) == ("completed", {"merged": True}, None)

        judged = ada.post(f"{address}/feedback", was_good_match=True)
        assert judged.status_code == 201
        assert ada.get(address).json()["feedback"]["was_good_match"] is True
        row = Task.objects.get()
        assert events_of(row) == PATH
        assert [event["type"] for event in ada.get(f"{address}/timeline").json()["results"]] == PATH
        versions = Event.objects.about(row).values_list("version", flat=True)
        assert list(versions) == [1, 2, 3, 4, 5] and row.version == 5
        assert Episode.objects.get().outcome_success is True

    def test_leads_from_submission_to_feedback_through_the_admin(self, admin_client, sark):
        form = {
            "title": "Add MCP integration", "priority": "high", "source": "admin", "max_attempts": "3",
            "tags": "mcp", "required_capabilities": "python",
        }  # fmt: skip

        page = admin_client.post("/admin/tasks/task/add/", form, follow=True)

        task = Task.objects.get()
        assert (task.status, task.project, task.instance_id) == ("routed", sark, "sark-1")
        assert task.routing_reasoning in "".join(str(message) for message in page.context["messages"])
        chosen = {"action": "complete", "_selected_action": task.pk}
        admin_client.post("/admin/tasks/task/", chosen)
        task.refresh_from_db()
        assert task.status == "completed"
        admin_client.post("/admin/feedback/taskfeedback/add/", {"task": task.pk, "was_good_match": "on"})
        assert TaskFeedback.objects.get().given_by == "admin"
        assert events_of(task) == PATH
        assert set(Event.objects.about(task).values_list("actor", flat=True)) == {"admin", "router"}

    def test_leaves_nothing_of_a_submission_that_is_rolled_back(self, sark):
        before = Event.objects.count()
        with pytest.raises(RuntimeError), transaction.atomic():
            submit_task(title="never mind", required_capabilities={"python": 1}, actor="ada")
            raise RuntimeError
        assert (Task.objects.count(), Decision.objects.count(), Episode.objects.count()) == (0, 0, 0)
        assert Event.objects.count() == before

    def test_survives_a_doorbell_that_fails(self, api, sark, settings, caplog):
        settings.DOORBELLS = {"task.submitted": ["tests.broken_doorbell"]}

        answer = api().post("/tasks", title="Add MCP integration", required_capabilities=["python"])

        assert (answer.status_code, answer.json()["status"], answer.json()["decision"]) == (201, "pending", None)
        assert "nobody can route" in caplog.text
        assert run("routing.route_waiting_tasks") == 1
        task = Task.objects.get()
        assert (task.status, task.project) == ("routed", sark)
        assert events_of(task) == PATH[:2]


CASES = [
    {"title": "named by hand", "project_id": "data"},
    {"title": "the login is slow", "tags": ["bug"], "priority": "urgent"},
    {"title": "query planner", "required_capabilities": {"sql": 2}},
    {"title": "who knows", "description": "nobody"},
]


def by_doorbell(rows, **tools):
    for row in rows:
        tools["run_jobs"](submit_task, actor="ada", **row)


def by_sweep(rows, *, settings, **tools):
    settings.DOORBELLS = {}
    for row in rows:
        tools["run_jobs"](submit_task, actor="ada", **row)
    assert run("routing.route_waiting_tasks") == len(rows)


def _as_fixture(*, id, project_id=None, **fields):
    return {"model": "tasks.task", "pk": id, "fields": {"project": project_id, "requester": "ada", **fields}}


def by_fixture(rows, *, tmp_path, **tools):
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps([_as_fixture(**row) for row in rows]))
    call_command("loaddata", file, verbosity=0)
    assert run("routing.route_waiting_tasks") == len(rows)


def state(keys):
    """Return what routing left of these tasks, without times and ids."""
    shown = (
        "status",
        "project_id",
        "instance_id",
        "review_required",
        "routing_confidence",
        "routing_reasoning",
        "version",
    )
    decided = ("outcome", "decided_by", "confidence", "reasoning", "alternatives", "workload_snapshot", "context")
    found = []
    for task in Task.objects.filter(pk__in=keys).order_by("title"):
        episode = Episode.objects.get(task=task)
        evidence = {name: value for name, value in episode.decision_factors.items() if name != "ms"}
        evidence["input"] |= {"id": None, "at": None}
        last = Event.objects.about(task).last()
        found.append([
            task.title, *(getattr(task, name) for name in shown), *(getattr(task.decision, name) for name in decided),
            episode.chosen_project, episode.strategy, evidence, last.type, last.actor,
        ])  # fmt: skip
    return found


@pytest.mark.django_db
def test_doorbell_sweep_and_loaded_fixture_come_to_the_same_state(run_jobs, settings, tmp_path):
    make_projects("web", "data", instance=InstanceFactory())
    ProjectFactory(name="store", capabilities={"sql": 4})
    activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9, name="logins"))
    tools = {"run_jobs": run_jobs, "settings": settings, "tmp_path": tmp_path}
    states = []
    for deliver in (by_doorbell, by_sweep, by_fixture):
        rows = [{**case, "id": f"{deliver.__name__}-{number}"} for number, case in enumerate(CASES)]
        deliver(rows, **tools)
        states.append(state([row["id"] for row in rows]))
    doorbell, sweep, fixture = states
    assert doorbell == sweep == fixture
    assert {row[0]: row[2] for row in doorbell} == {
        "named by hand": "data", "the login is slow": "web", "query planner": "store", "who knows": None,
    }  # fmt: skip
