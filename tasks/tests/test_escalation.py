"""What happens by itself to a task whose time runs out: each step of a rule once, and told."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from hopper.events.models import Event
from hopper.tests.race import race
from hopper.tests.refusals import nothing_stored, refused
from projects.tests.factories import ProjectFactory
from routing.operations import route_task
from tasks import operations
from tasks.models import Task, TaskEscalation
from tasks.operations import escalate_tasks
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held, kinds

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def hours_ago(number):
    return timezone.now() - number * HOUR


def project_with(*rules, **fields):
    sla = {"escalation": list(rules), **fields.pop("promises", {})}
    return ProjectFactory(sla=sla, **fields)


def waiting(rule, hours=3, **fields):
    """A routed task of a project with the rule, submitted so long ago."""
    return TaskFactory(routed=True, project=project_with(rule), created_at=hours_ago(hours), **fields)


NOTIFY = {"when": "waiting", "after": "2h", "do": "notify"}


class TestAStep:
    def test_is_taken_once_and_told(self, api):
        task = waiting(NOTIFY | {"to": "ada"})

        assert escalate_tasks() == {"notify": 1}
        with nothing_stored():
            assert escalate_tasks() == {}

        told = Event.objects.about(task).get()
        assert (told.type, told.actor) == ("task.escalated", "escalation")
        assert told.payload["rule"] == "waiting after 2h: notify to ada"
        assert told.payload["did"] == {"to": "ada"}
        assert told.payload["reason"].startswith("Nobody has taken it since")
        future = api("viewer").get(f"/tasks/{task.pk}/deadlines").json()
        assert [step["rule"] for step in future["escalations"]] == [told.payload["rule"]]
        assert future["next_escalation"] is None

    def test_is_refused_a_second_time_by_the_database(self):
        step = {"task": waiting(NOTIFY), "rule": "waiting after 2h: notify", "action": "notify", "why": "late"}
        TaskEscalation.objects.create(**step)

        with pytest.raises(IntegrityError), transaction.atomic():
            TaskEscalation.objects.create(**step)

    def test_comes_at_its_time_and_is_announced(self, api):
        task = waiting(NOTIFY | {"every": "1h", "times": 3}, hours=3.5)

        assert escalate_tasks() == {"notify": 2}
        coming = api("viewer").get(f"/tasks/{task.pk}/deadlines").json()["next_escalation"]
        assert coming["rule"] == "waiting after 2h, every 1h: notify"
        assert coming["at"][:16] == (task.created_at + 4 * HOUR).isoformat()[:16]
        assert escalate_tasks(now=timezone.now() + 9 * HOUR) == {"notify": 1}

    def test_is_taken_by_the_beat_and_by_the_command(self, capsys):
        waiting(NOTIFY)

        call_command("reap")

        assert "escalated" in capsys.readouterr().out
        assert TaskEscalation.objects.count() == 1

    @pytest.mark.parametrize("fields", [
        {"status": "blocked"}, {"created_at": hours_ago(1)}, {"defer_until": hours_ago(-1)},
        {"defer_until": hours_ago(1)}, {"status": "completed", "finished_at": hours_ago(0)},
    ])  # fmt: skip
    def test_is_not_taken_for_who_does_not_wait_so_long(self, fields):
        TaskFactory(**{"routed": True, "project": project_with(NOTIFY), "created_at": hours_ago(9), **fields})

        assert escalate_tasks() == {}

    def test_is_not_taken_for_who_waits_for_another(self):
        task = waiting(NOTIFY)
        operations.add_dependency(task=task, depends_on=TaskFactory(), **ACTOR)

        assert escalate_tasks() == {}


class TestATrigger:
    @pytest.mark.parametrize(("rule", "hours", "fires"), [
        ({"when": "due", "before": "2h"}, 3, True), ({"when": "due", "before": "30m"}, 3, False),
        ({"when": "due"}, 5, True), ({"when": "due", "after": "2h"}, 5, False),
        ({"when": "response"}, 1.5, False), ({"when": "response", "before": "1h"}, 1.5, True),
        ({"when": "completion", "before": "1h"}, 1.5, False), ({"when": "completion"}, 3.5, True),
    ])  # fmt: skip
    def test_of_time_fires_from_its_moment_on(self, rule, hours, fires):
        """A response is promised in 2 h and completion in 3 h, and the task is due after 4 h."""
        project = project_with(rule | {"do": "notify"}, promises={"response_time": "2h", "completion_time": "3h"})
        TaskFactory(routed=True, project=project, created_at=hours_ago(hours), due_at=hours_ago(hours - 4))

        assert escalate_tasks() == ({"notify": 1} if fires else {})

    def test_of_a_response_is_silent_once_somebody_started(self):
        project = project_with({"when": "response", "do": "notify"}, promises={"response_time": "2h"})
        task = held(project=project, created_at=hours_ago(9))
        operations.start_task(task_id=task.pk, fence=1, owner=None, **ACTOR)

        assert escalate_tasks() == {}

    def test_of_a_queue_takes_those_that_stand_too_far_behind(self):
        project = project_with({"when": "queue", "longer_than": 2, "do": "reassign"}, name="busy")
        for n, priority in enumerate(["low", "high", "medium", "urgent"]):
            TaskFactory(id=f"t{n}", routed=True, project=project, priority=priority)

        assert escalate_tasks() == {"reassign": 2}
        assert set(Task.objects.in_status("pending").values_list("pk", flat=True)) == {"t0", "t2"}
        assert escalate_tasks() == {}

    def test_of_the_house_reaches_tasks_without_a_place(self, settings):
        settings.SLA = {"escalation": [NOTIFY]}
        TaskFactory(created_at=hours_ago(3))
        TaskFactory(routed=True, project=ProjectFactory(sla={"escalation": []}), created_at=hours_ago(3))
        TaskFactory(routed=True, created_at=hours_ago(3))

        assert escalate_tasks() == {"notify": 2}


class TestToRelax:
    def test_asks_for_less_step_by_step_until_somebody_is_found(self, run_jobs, settings):
        ProjectFactory(name="apprentice", capabilities={"python": 2})
        settings.SLA = {"escalation": [{"when": "waiting", "after": "1h", "every": "1h", "do": "relax"}]}
        task = TaskFactory(required_capabilities={"python": 4, "sql": 1}, created_at=hours_ago(1.5))
        run_jobs(route_task, task=task)
        assert Task.objects.get().review_required

        asked = []
        for hours in range(3):
            run_jobs(escalate_tasks, now=timezone.now() + hours * HOUR)
            task.refresh_from_db()
            asked.append((task.required_now, task.status, task.project_id))

        assert asked == [
            ({"python": 3}, "pending", None), ({"python": 2}, "routed", "apprentice"),
            ({"python": 1}, "routed", "apprentice"),
        ]  # fmt: skip
        assert task.required_capabilities == {"python": 4, "sql": 1}

    def test_ends_when_nothing_is_left_to_ask_for(self, run_jobs):
        task = waiting({"when": "waiting", "after": "1h", "every": "1h", "do": "relax"}, 9, required_capabilities=["a"])

        run_jobs(escalate_tasks)

        task.refresh_from_db()
        assert (task.required_now, task.relaxed_by) == ({}, 1)
        assert [event.payload["did"] for event in Event.objects.about(task) if event.type == "task.escalated"] == [
            {"required": [{"a": 1}, {}]}
        ]


class TestToRaiseThePriority:
    def test_goes_up_a_level_a_step_or_to_the_one_that_is_named(self):
        by_step = waiting(
            {"when": "waiting", "after": "1h", "every": "1h", "do": "raise_priority"}, 2.5, priority="low"
        )
        at_once = waiting({"when": "waiting", "after": "1h", "do": "raise_priority", "to": "urgent"}, priority="low")
        higher = waiting({"when": "waiting", "after": "1h", "do": "raise_priority", "to": "medium"}, priority="high")

        escalate_tasks()

        found = dict(Task.objects.values_list("pk", "priority"))
        assert [found[task.pk] for task in (by_step, at_once, higher)] == ["high", "urgent", "high"]


class TestToReassign:
    def test_takes_it_from_its_holder_and_sends_it_elsewhere(self, run_jobs, api):
        rule = {"when": "response", "do": "reassign"}
        slow = project_with(rule, promises={"response_time": "2h"}, name="slow", capabilities={"python": 5})
        ProjectFactory(name="quick", capabilities={"python": 5})
        task = held(project=slow, created_at=hours_ago(3), required_capabilities={"python": 4}, max_attempts=1)

        run_jobs(escalate_tasks)

        task.refresh_from_db()
        assert (task.status, task.project_id, task.passed_over) == ("routed", "quick", ["slow"])
        assert [claim.why for claim in task.claims.all()] == ["reassigned"]
        late = api("operator").post(f"/tasks/{task.pk}/complete", fence=1)
        assert late.json()["code"] == "lease_lost"
        assert operations.claim_task(task_id=task.pk, owner="bob").fence == 3
        assert {"task.escalated", "task.returned", "task.routed"} <= set(kinds(task))

    def test_asks_a_person_when_nobody_else_can(self, run_jobs):
        task = waiting({"when": "waiting", "after": "2h", "do": "reassign"}, required_capabilities={"python": 1})
        task.project.capabilities = {"python": 5}
        task.project.save()

        run_jobs(escalate_tasks)

        task.refresh_from_db()
        assert task.review_required
        assert "had it before" in task.routing_reasoning


class TestToCancel:
    def test_ends_it_and_says_why(self):
        task = held(project=project_with({"when": "due", "after": "1h", "do": "cancel"}), due_at=hours_ago(2))

        assert escalate_tasks() == {"cancel": 1}

        task.refresh_from_db()
        assert task.status == "cancelled"
        assert kinds(task) == ["task.claimed", "task.escalated", "task.cancelled"]
        assert "It is due" in Event.objects.about(task).last().payload["reason"]


class TestRules:
    @pytest.mark.parametrize(("rule", "said"), [
        ("notify", "A rule is an object"), ({"when": "later", "do": "notify"}, '"when" is one of waiting'),
        ({"when": "due", "do": "shout"}, '"do" is one of'), ({"when": "due", "do": "notify", "loud": 1}, "no 'loud'"),
        ({"when": "waiting", "do": "notify"}, 'Waiting needs "after"'),
        ({"when": "waiting", "after": "soon", "do": "notify"}, "no duration"),
        ({"when": "queue", "longer_than": True, "do": "notify"}, '"longer_than" a number'),
        ({"when": "due", "before": "1h", "after": "1h", "do": "notify"}, "or neither"),
        ({"when": "due", "do": "raise_priority", "to": "low"}, '"to" is one of medium'),
        ({"when": "due", "do": "relax", "to": "ada"}, '"to" says who'),
        ({"when": "due", "do": "cancel", "every": "1h"}, "belong to relax"),
        ({"when": "due", "do": "notify", "times": 2}, 'Send "every"'),
        ({"when": "due", "do": "notify", "every": "1h", "times": 99}, "from 1 to 20"),
        ({"when": "waiting", "after": "1h " * 80, "do": "notify"}, "at most 200 characters"),
    ])  # fmt: skip
    def test_are_refused_in_words_that_say_what_to_write(self, api, rule, said):
        answer = api("operator").post("/projects", name="web", sla={"escalation": [rule]})

        assert said in refused(answer, 400)

    def test_are_refused_twice(self, api):
        assert "something else" in refused(
            api("operator").post("/projects", name="web", sla={"escalation": [NOTIFY, NOTIFY]}), 400
        )

    def test_of_the_house_that_are_wrong_hold_nowhere_and_are_reported(self, settings):
        settings.SLA = {"escalation": [{"when": "later"}]}
        TaskFactory(created_at=hours_ago(3))

        with nothing_stored():
            assert escalate_tasks() == {}
        with pytest.raises(Exception, match=r"SLA is not used: escalation, rule 1"):
            call_command("check")


@pytest.mark.processes
class TestManyBeats:
    @pytest.mark.untraced
    def test_tell_twice_when_the_look_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        project = project_with(NOTIFY)
        naive = [TaskFactory(created_at=hours_ago(3)).pk for _ in range(20)]
        for _ in range(20):
            TaskFactory(routed=True, project=project, created_at=hours_ago(3))

        told = race("tasks.tests.escalators", shared_url(), naive=naive)

        assert rows_of("SELECT COUNT(*) FROM events WHERE type = 'told'")[0][0] > 20, "the harness does not race"
        assert sum(told) == 20
        assert rows_of("SELECT COUNT(*) FROM events WHERE type = 'task.escalated'") == [(20,)]
