"""A task in review asks the instance that knows its places, then those above it, then a person."""

from datetime import timedelta

import pytest
from django.utils import timezone

from feedback.operations import who_is_asked
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.operations import route_task
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    """A task that could go to either of two desks of one house."""
    root = InstanceFactory(id="root", name="Root", scope="GLOBAL")
    house = InstanceFactory(id="house", name="House", parent=root, config={"review_timeout": 60})
    for name in ("web", "data"):
        ProjectFactory(name=name, instance=InstanceFactory(id=f"{name}-desk", scope="ORCHESTRATION", parent=house))
    task = TaskFactory(title="whose is this")
    route_task(task=task)
    return Task.objects.select_related("decision").get()


def asked(task, **later):
    found = who_is_asked(tasks=[task], now=timezone.now() + timedelta(**later))[task.pk]
    return found.instance_id, found.level, found.levels


class TestWhoIsAsked:
    def test_climbs_from_the_lowest_instance_above_its_places_to_a_person(self, task):
        assert asked(task) == ("house", 1, 3)
        assert asked(task, seconds=61) == ("root", 2, 3)
        assert asked(task, seconds=3600) == ("root", 2, 3)
        assert asked(task, seconds=3661) == (None, 3, 3)

    def test_is_the_instance_that_the_task_is_at(self, task):
        task.instance_id = "data-desk"
        assert asked(task) == ("data-desk", 1, 4)

    def test_is_no_instance_that_takes_no_work(self, task):
        Instance.objects.filter(pk="house").update(status="paused")
        assert asked(task) == ("root", 1, 2)

    def test_is_a_person_where_nobody_has_an_instance(self):
        ProjectFactory(name="web")
        task = TaskFactory(review_required=True)
        assert asked(task) == (None, 1, 1)

    def test_is_shown_in_the_queue(self, api, admin_client, task):
        (row,) = api("viewer").get("/review").json()["results"]
        assert (row["asked"]["instance_id"], row["asked"]["name"], row["asked"]["levels"]) == ("house", "House", 3)
        assert "level 1 of 3" in admin_client.get("/admin/review/").content.decode()


class TestAnAnswerByNumber:
    def test_takes_the_place_that_hopper_thought_of(self, api, task):
        wanted = task.decision.alternatives[1]["project"]
        answer = api("operator").post(f"/review/{task.pk}", choice=2)
        assert (answer.status_code, answer.json()["project"]) == (200, wanted)

    @pytest.mark.parametrize("body", [{"choice": 3}, {"choice": 4}, {"choice": 1, "project": "web"}])
    def test_is_refused_where_there_is_none(self, api, task, body):
        answer = api("operator").post(f"/review/{task.pk}", **body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["choice"])
