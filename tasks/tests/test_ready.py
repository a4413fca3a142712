"""One definition of ready: the list, the claim and the explanation agree on it, condition by condition."""

from datetime import timedelta

import pytest
from django.utils import timezone

from instances.scopes import name_of
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.tests.factories import make_hop
from tasks import operations
from tasks.models import Task
from tasks.readiness import Executor, conditions
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def waiting_for(kind="blocks", quorum="all", **other):
    """A routed task that waits for one that stands as told."""
    task, first = TaskFactory(id="task", routed=True), TaskFactory(id="first", routed=True, **other)
    operations.add_dependency(task=task, depends_on=first, kind=kind, quorum=quorum, **ACTOR)
    return task


def over(status):
    return {"status": status, **({"failed_at": NOW} if status == "failed" else {"finished_at": NOW})}


def below(status):
    """A routed task two levels below one that stands as told."""
    top = TaskFactory(routed=True, **(over(status) if status in ("failed", "cancelled") else {"status": status}))
    return TaskFactory(id="task", routed=True, parent=TaskFactory(routed=True, parent=top))


def on_offer():
    task = TaskFactory(id="task", routed=True)
    make_hop(task, InstanceFactory(), InstanceFactory())
    return task


def with_subtask():
    task = TaskFactory(id="task", routed=True)
    TaskFactory(parent=task)


def in_full_project():
    project = ProjectFactory(capacity=1)
    held(project=project)
    TaskFactory(id="task", routed=True, project=project)


def at_instance(**fields):
    TaskFactory(id="task", routed=True, instance=InstanceFactory(**fields))


NOT_READY = {
    "pending": ("status", lambda: TaskFactory(id="task")),
    "in review": ("status", lambda: TaskFactory(id="task", review_required=True)),
    "parked": ("status", lambda: TaskFactory(id="task", routed=True, status="blocked")),
    "tried too often": ("attempts", lambda: TaskFactory(id="task", routed=True, attempts=3)),
    "deferred": ("deferred", lambda: TaskFactory(id="task", routed=True, defer_until=NOW + timedelta(hours=1))),
    "behind an open task": ("dependencies", waiting_for),
    "behind a failed task": ("dependencies", lambda: waiting_for(**over("failed"))),
    "behind a cancelled task": ("dependencies", lambda: waiting_for(**over("cancelled"))),
    "on offer": ("offer", on_offer),
    "a contingency": ("dependencies", lambda: waiting_for("conditional")),
    "split": ("subtasks", with_subtask),
    "below a parked task": ("parent", lambda: below("blocked")),
    "below a failed task": ("parent", lambda: below("failed")),
    "below a cancelled task": ("parent", lambda: below("cancelled")),
    "at a paused instance": ("instance", lambda: at_instance(status="paused")),
    "in an inactive project": (
        "project", lambda: TaskFactory(id="task", routed=True, project=ProjectFactory(is_active=False))
    ),
    "in a full project": ("capacity", in_full_project),
}  # fmt: skip


class TestATaskThatIsNotReady:
    @pytest.mark.parametrize("why", NOT_READY)
    def test_is_neither_listed_nor_claimed_and_says_what_it_waits_for(self, api, why):
        condition, make = NOT_READY[why]
        make()

        assert "task" not in [row["id"] for row in api("viewer").get("/tasks/ready").json()["results"]]
        explained = api("viewer", name="asking").get("/tasks/ready", explain="true").json()["results"]
        reasons = next(row["waits_for"] for row in explained if row["id"] == "task")
        assert [reason["condition"] for reason in reasons] == [condition]
        with pytest.raises(operations.TaskNotClaimable) as refused:
            operations.claim_task(task_id="task", owner="ada")
        assert refused.value.message == reasons[0]["reason"]

    def test_has_each_condition_tried_here(self):
        assert {condition for condition, _ in NOT_READY.values()} == conditions().keys()


class TestAWait:
    @pytest.mark.parametrize(
        ("kind", "status"), [("blocks", "completed"), ("conditional", "failed"), ("waits_for_children", "completed")]
    )
    def test_ends_as_its_kind_says(self, kind, status):
        waiting_for(kind, **over(status))
        assert Task.objects.ready().filter(pk="task").exists()

    @pytest.mark.parametrize(("quorum", "done", "is_ready"), [
        ("all", 1, False), ("all", 2, True), ("any", 0, False), ("any", 1, True),
    ])  # fmt: skip
    def test_for_children_is_for_all_or_any_of_them(self, quorum, done, is_ready):
        waiting_for("waits_for_children", quorum)
        for n in range(2):
            TaskFactory(parent_id="first", routed=True, **(over("completed") if n < done else {}))
        assert Task.objects.ready().filter(pk="task").exists() == is_ready

    @pytest.mark.parametrize("kind", ["blocks", "waits_for_children"])
    def test_for_the_task_above_is_refused_as_neither_could_ever_end(self, api, kind):
        TaskFactory(id="child", parent=TaskFactory(id="parent"))
        answer = api("operator").post("/tasks/child/dependencies", depends_on="parent", kind=kind)
        assert answer.status_code == 400
        assert "neither could ever start" in answer.json()["detail"]

    def test_keeps_the_task_from_becoming_a_part_of_what_waits_for_it(self, api):
        waiting_for()
        answer = api("operator").patch("/tasks/task", parent_id="first")
        assert answer.status_code == 400


class TestTheOrderOfClaims:
    def test_is_by_priority_then_due_date_then_age(self, api):
        for number, (priority, due) in enumerate(
            [("low", 1), ("high", None), ("high", 2), ("high", 1), ("high", None)]
        ):
            TaskFactory(
                id=f"t{number}", routed=True, priority=priority, created_at=NOW + timedelta(seconds=number),
                due_at=NOW + timedelta(days=due) if due else None,
            )  # fmt: skip
        order = ["t3", "t2", "t1", "t4", "t0"]
        client = api("executor")
        assert [task["id"] for task in client.get("/tasks/ready").json()["results"]] == order
        assert client.get("/tasks/next", executor="w").json()["results"][0]["id"] == "t3"
        claims = client.post("/tasks/claim-next", limit=5).json()["claims"]
        assert [claim["task"]["id"] for claim in claims] == order

    def test_pages_without_a_gap(self, api):
        for n in range(7):
            TaskFactory(id=f"t{n}", routed=True, priority=["low", "high"][n % 2])
        client, seen, url = api("viewer"), [], "/tasks/ready?page_size=3"
        while url:
            page = client.get(url.removeprefix("http://testserver")).json()
            seen += [task["id"] for task in page["results"]]
            url = page["next"]
        assert seen == ["t1", "t3", "t5", "t0", "t2", "t4", "t6"]

    def test_lets_a_task_that_waited_too_long_overtake(self):
        TaskFactory(id="old", routed=True, priority="low", created_at=NOW - timedelta(days=8))
        TaskFactory(id="young", routed=True, priority="low", created_at=NOW - timedelta(days=6))
        TaskFactory(id="deferred", routed=True, created_at=NOW - timedelta(days=99), defer_until=NOW)
        TaskFactory(id="urgent", routed=True, priority="urgent", created_at=NOW - timedelta(days=99), due_at=NOW)
        assert operations.promote_aged() == 1
        assert operations.promote_aged() == 0
        assert [task.pk for task in Task.objects.ready()] == ["old", "urgent", "deferred", "young"]

    def test_can_be_by_what_a_task_frees(self, api):
        for key in ("alone", "hub", "next", "last"):
            TaskFactory(id=key, routed=True)
        for task, first in (("next", "hub"), ("last", "next"), ("last", "hub")):
            operations.add_dependency(
                task=Task.objects.get(pk=task), depends_on=Task.objects.get(pk=first), **ACTOR
            )  # fmt: skip
        ready = api("viewer").get("/tasks/ready", ordering="-unblocks").json()["results"]
        assert [task["id"] for task in ready] == ["hub", "alone"]


class TestAnExecutor:
    @pytest.mark.parametrize(("wanted", "names", "kind", "may"), [
        (None, ["ada"], "agent", True), ("agent", ["ada"], "agent", True), ("human", ["ada"], "agent", False),
        ("ada", ["ada"], "human", True), ("laptop", ["ada", "laptop"], "agent", True), ("human", ["ada"], None, True),
    ])  # fmt: skip
    def test_gets_what_is_meant_for_its_type_or_name(self, wanted, names, kind, may):
        TaskFactory(routed=True, executor_preference=wanted)
        assert Task.objects.ready(Executor("/".join(names), kind)).exists() == may

    @pytest.mark.parametrize(("scope", "config"), [
        ("PERSONAL", {"owner": "zoë"}), ("PERSONAL", {}), ("FAMILY", {"members": ["bo", "zoë"]}), ("FAMILY", {}),
    ])  # fmt: skip
    @pytest.mark.parametrize("holder", ["zoë", "zoë/laptop", "Zoë", "zo", "bob", "bob/zoë"])
    def test_gets_of_a_person_or_family_only_as_one_of_them(self, scope, config, holder):
        instance = InstanceFactory(scope=scope, config=config, status="active", created_by="zo")
        TaskFactory(routed=True, instance=instance)
        may = instance.rules.may_be_held_by(holder, instance.facts(now=NOW))
        assert Task.objects.ready(Executor(holder)).exists() == may
        assert may == (name_of(holder) == ("zoë" if config.get("owner") else "zo") if scope == "PERSONAL" else
                       not config or name_of(holder) == "zoë")  # fmt: skip

    def test_gets_nothing_below_a_place_that_is_closed_to_it(self):
        house = InstanceFactory(scope="PERSONAL", config={"owner": "ada"}, status="active")
        run = InstanceFactory(scope="ORCHESTRATION", parent=house, status="active")
        TaskFactory(routed=True, instance=run)
        assert not Task.objects.ready(Executor("bob")).exists()
        assert Task.objects.ready(Executor("ada/laptop")).exists()

    @pytest.mark.parametrize("path", ["/tasks/task/claim", "/tasks/claim-next", "/tasks/task/start"])
    def test_opens_nothing_by_a_label(self, api, path):
        family = InstanceFactory(scope="FAMILY", config={"members": ["ada"]}, status="active")
        TaskFactory(id="task", routed=True, instance=family)
        api("executor").post(path, executor="ada", executor_type="agent", fence=0)
        assert Task.objects.get().status == "routed"

    def test_is_told_when_the_task_is_not_for_it(self, api):
        TaskFactory(id="task", routed=True, executor_preference="human")
        answer = api("executor").post("/tasks/task/claim", executor_type="agent")
        assert answer.status_code == 409
        assert "not for this executor" in answer.json()["detail"]
