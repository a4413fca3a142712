"""What happened to a task, as an operator reads it: by the API and in the admin."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from hopper.events.models import Event
from hopper.events.timeline import LATEST
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Delegation
from routing.operations import assign_task, reject_delegation
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def happen(count, task="a"):
    """Let the task be blocked so often, a minute and a half apart."""
    Event.objects.bulk_create(
        Event(type="task.blocked", actor="ada", aggregate_type="tasks.task", aggregate_id=task, version=n + 2,
              payload={"reason": f"no. {n}"}, occurred_at=NOON + n * timedelta(seconds=90))
        for n in range(count)
    )  # fmt: skip


def sentences(client, path="/tasks/a/timeline", **params):
    return [row["sentence"] for row in client.get(path, **params).json()["results"]]


class TestTheTimelineOfATask:
    def test_tells_of_all_that_belongs_to_it_in_words(self, api):
        client = api("operator", name="bob")
        task = TaskFactory(id="a")
        root = InstanceFactory(id="root", scope="GLOBAL")
        InstanceFactory(id="sark", scope="PROJECT", parent=root)
        assign_task(task=task, project=None, instance=root, actor="ada")
        reject_delegation(delegation=Delegation.objects.get(), reason="full", reason_code="busy", actor="sark")
        client.post("/tasks/a/feedback", was_good_match=True)
        client.delete("/tasks/a/feedback")
        client.post("/tasks/a/external-mappings", platform="github", external_id="7")

        told = sentences(client)

        assert told[0] == "Routed at root (confidence 1.00)"
        assert {"Offered to sark by root", "The offer of root was rejected by sark: full", "Judged by bob",
                "The judgement was taken back", "Tied to another platform"} <= set(told)  # fmt: skip

    def test_comes_in_pages_with_the_time_between(self, api):
        client = api("viewer")
        TaskFactory(id="a")
        happen(5)

        first = client.get("/tasks/a/timeline", page_size=2).json()
        second = client.http.get(first["next"]).json()

        assert [row["seconds_since_previous"] for row in first["results"]] == [None, 90.0]
        assert [(row["sentence"], row["seconds_since_previous"]) for row in second["results"]] == [
            ("Parked: no. 2", 90.0), ("Parked: no. 3", 90.0),
        ]  # fmt: skip
        assert second["results"][0]["payload"] == {"reason": "no. 2"}

    def test_is_shown_in_the_admin_in_words(self, admin_client):
        TaskFactory(id="a")
        happen(3)

        page = admin_client.get(reverse("admin:tasks_task_change", args=["a"])).content.decode()

        assert "Parked: no. 1</a>" in page
        assert page.count("1 min 30 s later") == 2
        assert "earlier entries" not in page

    def test_shows_the_latest_in_the_admin_and_leads_to_the_rest(self, admin_client):
        TaskFactory(id="a", project=ProjectFactory())
        happen(LATEST + 3)

        page = admin_client.get(reverse("admin:tasks_task_change", args=["a"])).content.decode()

        assert "3 earlier entries" in page
        assert ("Parked: no. 2</a>" in page, "Parked: no. 3</a>" in page) == (False, True)
