"""What becomes of open work when its instance is drained or ended."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from hopper.common import jobs
from hopper.events.models import Event
from hopper.tests.refusals import nothing_stored
from instances.models import Instance
from instances.operations import InstanceHasOpenWork, resume_instance
from instances.tests.factories import InstanceFactory
from tasks import operations
from tasks.models import Task
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held, kinds

pytestmark = pytest.mark.django_db
LATER = timezone.now() + timedelta(days=1)


def place(**fields):
    return InstanceFactory(id="a", **fields)


def work_at(instance):
    """One task in each open status, by status."""
    busy = held(instance=instance)
    working = operations.start_task(task_id=held(instance=instance).pk, fence=1, owner=None, **ACTOR)
    tasks = {
        "pending": TaskFactory(instance=instance), "routed": TaskFactory(instance=instance, routed=True),
        "blocked": TaskFactory(instance=instance, routed=True, status="blocked"), "claimed": busy,
        "in_progress": working,
    }  # fmt: skip
    assert {status: task.status for status, task in tasks.items()} == {status: status for status in tasks}
    return tasks


def standing(tasks):
    return {name: (row.status, row.instance_id) for name, row in tasks.items() if not row.refresh_from_db()}


def finish(*tasks):
    for task in tasks:
        operations.complete_task(task_id=task.pk, fence=task.fence, owner=None, **ACTOR)


def settle(now=None):
    answer = operations.settle_instances(now=now)
    return answer, Instance.objects.get(pk="a")


class TestDrainInstance:
    def test_leaves_the_work_where_it_is(self):
        tasks = work_at(place())

        assert operations.drain_instance(instance=Instance.objects.get(), **ACTOR).status == "paused"

        assert {at for _, at in standing(tasks).values()} == {"a"}

    def test_sends_back_what_nobody_holds(self):
        tasks = work_at(place())

        operations.drain_instance(instance=Instance.objects.get(), reroute=True, reason="too hot", **ACTOR)

        assert standing(tasks) == {
            "pending": ("pending", None), "routed": ("pending", None), "blocked": ("pending", None),
            "claimed": ("claimed", "a"), "in_progress": ("in_progress", "a"),
        }  # fmt: skip
        assert Event.objects.get(type="instance.paused").payload == {"reason": "too hot"}

    def test_asks_a_person_about_what_a_person_had_parked(self):
        parked = TaskFactory(instance=place(), routed=True, status="blocked")

        operations.drain_instance(instance=Instance.objects.get(), reroute=True, **ACTOR)

        parked.refresh_from_db()
        assert (parked.review_required, parked.project) == (True, None)
        assert kinds(parked) == ["task.unblocked", "task.returned", "task.review_requested"]

    def test_empties_what_is_paused_already(self):
        task = TaskFactory(instance=place(status="paused"), routed=True)

        operations.drain_instance(instance=Instance.objects.get(), reroute=True, **ACTOR)

        assert standing({"task": task}) == {"task": ("pending", None)}


class TestEndInstance:
    def test_refuses_while_work_is_open(self):
        work_at(place())

        with nothing_stored(), pytest.raises(InstanceHasOpenWork) as refused:
            operations.end_instance(instance=Instance.objects.get(), **ACTOR)

        assert refused.value.context == {"open_tasks": 5, "held_tasks": 2, "open_delegations": 0}

    @pytest.mark.parametrize("open_work", ["refuse", "wait", "reroute"])
    def test_ends_what_is_empty_at_once(self, open_work):
        TaskFactory(instance=place(), status="cancelled", finished_at=timezone.now())

        ended = operations.end_instance(instance=Instance.objects.get(), open_work=open_work, **ACTOR)

        assert (ended.status, ended.closing) == ("terminated", None)

    @pytest.mark.parametrize("was", ["created", "active", "paused"])
    def test_waits_for_the_last_open_task(self, was):
        first, last = (held(instance=place()) if n == 0 else held(instance_id="a") for n in range(2))
        Instance.objects.update(status=was)

        closing = operations.end_instance(instance=Instance.objects.get(), open_work="wait", reason="old", **ACTOR)
        assert (closing.status, closing.closing) == ("created" if was == "created" else "paused", "wait")
        assert Event.objects.get(type="instance.closing").payload == {"closing": "wait", "reason": "old"}
        finish(first)
        assert settle()[1].status != "terminated"
        finish(last)

        assert settle()[1].status == "terminated"

    def test_sends_back_what_nobody_holds_and_waits_for_the_rest(self):
        tasks = work_at(place())

        operations.end_instance(instance=Instance.objects.get(), open_work="reroute", **ACTOR)
        assert {name for name, (_, at) in standing(tasks).items() if at} == {"claimed", "in_progress"}
        operations.release_task(task_id=tasks["claimed"].pk, fence=1, owner=None, **ACTOR)
        finish(tasks["in_progress"])

        assert settle()[1].status == "terminated"
        assert standing(tasks)["claimed"] == ("pending", None)

    def test_lives_on_when_it_is_resumed(self):
        held(instance=place())
        closing = operations.end_instance(instance=Instance.objects.get(), open_work="wait", **ACTOR)

        assert resume_instance(instance=closing, **ACTOR).closing is None
        assert settle()[1].status == "active"

    @pytest.mark.parametrize("open_work", ["refuse", "wait", "reroute"])
    def test_refuses_while_instances_live_below(self, open_work):
        InstanceFactory(parent=place())

        with nothing_stored(), pytest.raises(InstanceHasOpenWork, match="living instances below") as refused:
            operations.end_instance(instance=Instance.objects.get(pk="a"), open_work=open_work, **ACTOR)

        assert refused.value.context == {"living_below": 1}

    def test_takes_the_branch_along_the_lowest_first(self):
        low = InstanceFactory(id="low", parent=InstanceFactory(id="b", parent=place()))
        busy = held(instance=low)
        TaskFactory(instance_id="b", routed=True)

        operations.end_instance(instance=Instance.objects.get(pk="a"), open_work="reroute", branch=True, **ACTOR)
        assert {row.pk: row.closing for row in Instance.objects.all()} == {
            "a": "reroute",
            "b": "reroute",
            "low": "reroute",
        }
        finish(busy)
        answer, _ = settle()

        assert answer["ended"] == 3
        assert [event.aggregate_id for event in Event.objects.filter(type="instance.terminated").order_by("pk")] == [
            "low", "b", "a",
        ]  # fmt: skip


class TestSettleInstances:
    """What was made for one run or for a time ends by itself."""

    def test_ends_an_ephemeral_one_with_its_last_task(self):
        place(instance_type="ephemeral")
        assert settle()[1].status == "active"
        first, last = held(instance_id="a"), held(instance_id="a")
        finish(first)
        assert settle()[1].status == "active"
        finish(last)

        answer, ended = settle()

        assert (answer, ended.status) == ({"closed": 0, "ended": 1, "sent_back": 0}, "terminated")
        ending = Event.objects.get(type="instance.terminated")
        assert (ending.actor, ending.payload) == ("hopper", {"reason": "The work of its run is over."})

    def test_leaves_an_ephemeral_one_that_others_live_under(self):
        InstanceFactory(parent=place(instance_type="ephemeral"))
        finish(held(instance_id="a"))

        assert settle()[1].status == "active"

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"instance_type": "temporary", "expires_at": LATER}, "Its time is up."),
            ({"scope": "EVENT", "config": {"window": {"ends_at": LATER.isoformat()}}}, "Its window has closed."),
        ],
    )
    def test_hands_back_what_is_left_when_the_time_is_up(self, fields, reason):
        busy = held(instance=place(**fields))
        left = TaskFactory(instance_id="a", routed=True)
        InstanceFactory(id="below", parent_id="a", scope="ORCHESTRATION" if "scope" in fields else "PROJECT")

        assert settle()[1].status == "active"
        answer, closing = settle(now=LATER)

        assert (answer["closed"], closing.closing) == (1, "reroute")
        assert standing({"left": left, "busy": busy}) == {"left": ("pending", None), "busy": ("claimed", "a")}
        assert Event.objects.get(type="instance.closing", aggregate_id="a").payload["reason"] == reason
        finish(busy)
        assert settle(now=LATER)[1].status == "terminated"
        assert Instance.objects.get(pk="below").status == "terminated"

    def test_finds_work_that_a_late_decision_left_at_an_ended_one(self):
        lost = TaskFactory(instance=place(status="terminated", terminated_at=timezone.now()), routed=True)

        assert settle()[0]["sent_back"] == 1
        assert standing({"lost": lost}) == {"lost": ("pending", None)}

    def test_is_done_by_the_clock_and_costs_little_when_there_is_nothing(self, django_assert_max_num_queries):
        InstanceFactory.create_batch(3)

        with django_assert_max_num_queries(5):
            assert jobs.run("tasks.settle_instances") == {"closed": 0, "ended": 0, "sent_back": 0}


class TestTheMoment:
    def test_of_an_event_is_read_with_its_zone(self):
        place(scope="EVENT", config={"window": {"ends_at": "2027-01-31T18:00:00+02:00"}})

        assert settle(now=datetime(2027, 1, 31, 15, 59, tzinfo=UTC))[0]["closed"] == 0
        assert settle(now=datetime(2027, 1, 31, 16, 0, tzinfo=UTC))[0]["closed"] == 1


def test_every_open_status_is_looked_at():
    assert {str(status) for status in Task.OPEN} == set(work_at(place()))
