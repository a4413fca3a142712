import pytest
from django.db.models import JSONField, Value
from django.utils import timezone

from hopper.common.jobs import run
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode, LearnedState
from routing.operations import refit, route_waiting
from routing.tests.factories import activate_rules, make_projects, teach_topics, votes_for
from tasks.models import Task
from tasks.operations import cancel_task, delete_task, submit_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def logins(weight=0.9):
    return activate_rules(votes_for("web", when={"keyword": "login"}, weight=weight))


class TestTheDoorbell:
    def test_routes_its_task(self):
        task = TaskFactory(project=ProjectFactory())
        run("routing.route_task", task.pk)
        task.refresh_from_db()
        assert task.status == Task.Status.ROUTED

    def test_leaves_alone_what_is_gone_routed_in_review_or_has_to_wait(self):
        project = ProjectFactory()
        later = timezone.now() + timezone.timedelta(hours=1)
        others = [
            TaskFactory(routed=True), TaskFactory(review_required=True, project=project),
            TaskFactory(route_after=later, project=project),
        ]  # fmt: skip
        for key in ["no-such-task", *(task.pk for task in others)]:
            run("routing.route_task", key)
        assert not Decision.objects.exists()

    def test_is_not_rung_for_a_task_that_is_to_wait(self, run_jobs):
        task = run_jobs(submit_task, title="x", project=ProjectFactory(), route=False, actor="ada")
        route_waiting()
        task.refresh_from_db()
        assert (task.status, Episode.objects.count()) == (Task.Status.PENDING, 0)


class TestTheSweep:
    def test_routes_what_no_doorbell_has_rung_for(self):
        project = ProjectFactory()
        tasks = TaskFactory.create_batch(3, project=project)
        assert run("routing.route_waiting_tasks") == 3
        assert {task.status for task in Task.objects.filter(pk__in=[task.pk for task in tasks])} == {"routed"}
        assert run("routing.route_waiting_tasks") == 0

    def test_takes_the_most_urgent_first(self):
        project = ProjectFactory()
        low, urgent, medium = (TaskFactory(project=project, priority=p) for p in ("low", "urgent", "medium"))
        assert route_waiting(limit=2) == 2
        assert set(Decision.objects.values_list("task", flat=True)) == {urgent.pk, medium.pk}
        low.refresh_from_db()
        assert low.status == Task.Status.PENDING

    def test_routes_a_task_whose_time_has_come(self):
        now = timezone.now()
        TaskFactory(project=ProjectFactory(), route_after=now)
        assert route_waiting(now=now - timezone.timedelta(seconds=1)) == 0
        assert route_waiting(now=now) == 1

    def test_leaves_reviewed_tasks_alone_until_a_policy_is_activated(self):
        make_projects("web", "data")
        task = TaskFactory(title="login")
        assert [route_waiting() for _ in range(3)] == [1, 0, 0]
        logins()
        assert [route_waiting() for _ in range(3)] == [1, 0, 0]
        task.refresh_from_db()
        assert (task.status, task.project_id, task.review_required) == (Task.Status.ROUTED, "web", False)

    def test_leaves_reviewed_tasks_alone_until_the_learning_is_fitted_anew(self):
        make_projects("aside")
        task = TaskFactory(title="login page shows an error")
        assert route_waiting() == 1
        teach_topics()
        assert route_waiting() == 0
        refit()
        assert [route_waiting(), route_waiting()] == [1, 0]
        task.refresh_from_db()
        assert (task.status, task.project_id) == (Task.Status.ROUTED, "web")

    def test_asks_again_but_once_about_what_it_still_does_not_know(self):
        make_projects("web", "data")
        task = TaskFactory(title="no idea")
        route_waiting()
        logins()
        assert [route_waiting(), route_waiting()] == [1, 0]
        task.refresh_from_db()
        assert (task.review_required, Episode.objects.for_task(task).count()) == (True, 2)

    def test_goes_on_past_a_task_that_was_stored_broken(self, caplog):
        make_projects("web")
        broken, last = (TaskFactory(project_id=place, priority=p) for place, p in ((None, "high"), ("web", "low")))
        Task.objects.filter(pk=broken.pk).update(required_capabilities=Value(7, JSONField()))
        assert route_waiting() == 1
        assert Decision.objects.get().task == last
        assert f"Task {broken.pk} cannot be routed" in caplog.text

    def test_passes_over_what_changes_under_its_hands(self, once_after):
        make_projects("web")
        gone, cancelled, last = (TaskFactory(project_id="web", priority=p) for p in ("high", "medium", "low"))

        def meddle():
            delete_task(task=gone, actor="ada")
            cancel_task(task=cancelled, actor="ada")

        with once_after('"tasks"."review_required"', meddle):
            assert route_waiting() == 1
        assert Decision.objects.get().task == last


class TestTheRefitJob:
    def test_fits_when_enough_was_learned(self):
        assert run("routing.refit") is None
        teach_topics(copies=3)
        assert run("routing.refit") == 1
        assert run("routing.refit") is None
        assert LearnedState.objects.get().metrics["examples"] == 27
