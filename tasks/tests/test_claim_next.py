"""claim-next: the first ready tasks, within capacity, each to one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.models import Task, TaskClaim
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import kinds

pytestmark = pytest.mark.django_db


class TestClaimNext:
    def test_answers_with_a_fence_and_a_lease_each(self, api):
        project = ProjectFactory()
        for n in range(3):
            TaskFactory(id=f"t{n}", routed=True, project=project)
        client = api("executor", name="key")
        claims = client.post("/tasks/claim-next", executor="w1", limit=2, lease_seconds=60).json()["claims"]
        assert [(claim["task"]["id"], claim["fence"]) for claim in claims] == [("t0", 1), ("t1", 1)]
        assert {claim["task"]["lease_owner"] for claim in claims} == {"key/w1"}
        assert [kinds(task) for task in Task.objects.in_status("claimed")] == [["task.claimed"]] * 2
        done = client.post("/tasks/t1/complete", executor="w1", fence=1)
        assert done.json()["status"] == "completed"
        assert len(client.post("/tasks/claim-next", limit=9).json()["claims"]) == 1
        assert client.post("/tasks/claim-next").json() == {"claims": []}

    def test_asks_as_much_for_many_as_for_few(self, api):
        for _ in range(7):
            TaskFactory(routed=True)
        client, costs = api("executor"), []
        client.post("/tasks/claim-next")
        for count in (2, 4):
            with CaptureQueriesContext(connection) as queries:
                assert len(client.post("/tasks/claim-next", limit=count).json()["claims"]) == count
            costs.append(len(queries))
        assert costs[0] == costs[1]

    def test_narrows_by_project_and_tags(self, api):
        mine, other = ProjectFactory(name="mine"), ProjectFactory(name="other")
        for key, project, tags in (("a", other, ["x"]), ("b", mine, []), ("c", mine, ["x", "y"])):
            TaskFactory(id=key, routed=True, project=project, tags=tags)
        claims = api("executor").post("/tasks/claim-next", project="mine", tags=["x"], limit=5).json()["claims"]
        assert [claim["task"]["id"] for claim in claims] == ["c"]

    def test_sees_only_what_the_key_may_see(self, api):
        TaskFactory(routed=True, project=ProjectFactory(name="other"))
        assert api("executor", projects=["mine"]).post("/tasks/claim-next").json() == {"claims": []}

    @pytest.mark.parametrize("body", [
        {"limit": 0}, {"limit": 101}, {"lease_seconds": 0}, {"lease_seconds": 86_400}, {"fair_share": "colour"},
        {"colour": "red"},
    ])  # fmt: skip
    def test_refuses_what_makes_no_sense(self, api, body):
        TaskFactory(routed=True)
        assert api("executor").post("/tasks/claim-next", **body).status_code == 400
        assert not Task.objects.in_status("claimed").exists()

    @pytest.mark.parametrize(("kind", "seconds"), [("worker", 60), ("agent", 600), ("human", 86_400), ("czarina", 600)])
    def test_leases_by_the_type_of_executor(self, api, kind, seconds):
        TaskFactory(routed=True)
        client = api("executor")
        (claim,) = client.post("/tasks/claim-next", executor_type=kind).json()["claims"]
        for until in (claim["lease_until"], beat(client, claim)["lease_until"]):
            left = timezone.datetime.fromisoformat(until) - timezone.now()
            assert timedelta(seconds=seconds - 20) < left <= timedelta(seconds=seconds)


def beat(client, claim):
    return client.post(f"/tasks/{claim['task']['id']}/heartbeat", fence=claim["fence"]).json()


class TestCapacity:
    """The count of live leases, weighed by cost; never a counter that could leak."""

    def test_ends_what_can_be_claimed_and_comes_back_with_each_lease(self):
        project = ProjectFactory(capacity=2)
        for _ in range(4):
            TaskFactory(routed=True, project=project)
        taken = operations.claim_next(owner="ada", count=4)
        assert len(taken) == 2
        assert operations.claim_next(owner="bob") == []
        operations.complete_task(task_id=taken[0].pk, fence=1, owner=None, actor="ada")
        (third,) = operations.claim_next(owner="bob", count=4)
        operations.release_task(task_id=third.pk, fence=1, owner=None, actor="bob")
        assert len(operations.claim_next(owner="bob", count=4)) == 1

    def test_passes_over_what_there_is_no_room_for_without_a_trace(self):
        full, free = ProjectFactory(capacity=1), ProjectFactory()
        for key, project in (("a", full), ("b", full), ("c", free)):
            TaskFactory(id=key, routed=True, project=project)
        assert [task.pk for task in operations.claim_next(owner="ada", count=3)] == ["a", "c"]
        left = Task.objects.get(pk="b")
        assert (left.status, left.fence, left.attempts, left.version, left.lease_cost) == ("routed", 0, 0, 1, None)
        assert TaskClaim.objects.count() == 2

    def test_weighs_a_task_by_its_dearest_tag_or_priority(self):
        project = ProjectFactory(capacity=3, capacity_cost={"migration": 2.5, "low": 0.5})
        for key, fields in (("a", {"tags": ["migration"]}), ("b", {}), ("c", {"priority": "low"})):
            TaskFactory(id=key, routed=True, project=project, **fields)
        assert [task.pk for task in operations.claim_next(owner="ada", count=3)] == ["a", "c"]

    def test_lets_a_task_that_is_larger_than_the_room_be_done_alone(self):
        project = ProjectFactory(capacity=1, capacity_cost={"huge": 5})
        TaskFactory(id="a", routed=True, project=project, tags=["huge"])
        assert [task.pk for task in operations.claim_next(owner="ada")] == ["a"]


class TestFairShares:
    def claimed(self, count, **options):
        return [operations.claim_next(owner="w", **options)[0] for _ in range(count)]

    def test_give_each_requester_its_turn(self, settings):
        for name in ("ada", "ada", "ada", "ada", "bob", "bob"):
            TaskFactory(routed=True, requester=name)
        assert [task.requester for task in self.claimed(4, fair_share="requester")] == ["ada", "bob", "ada", "bob"]

    def test_weigh_requesters_as_the_settings_say(self, settings):
        settings.FAIR_SHARE, settings.FAIR_SHARE_WEIGHTS = "requester", {"bob": 2.0}
        for name in ("ada", "ada", "ada", "bob", "bob", "bob", "bob"):
            TaskFactory(routed=True, requester=name)
        names = [task.requester for task in self.claimed(6)]
        assert (names.count("ada"), names.count("bob")) == (2, 4)

    def test_weigh_instances_as_their_config_says(self):
        heavy = InstanceFactory(config={"fair_share_weight": 3}, status="active")
        light = InstanceFactory(status="active")
        for instance in (light, heavy) * 4:
            TaskFactory(routed=True, instance=instance)
        taken = operations.claim_next(owner="w", count=4, fair_share="instance")
        assert [task.instance_id for task in taken].count(heavy.pk) == 3
