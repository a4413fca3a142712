import pytest
from django.urls import reverse

from hopper.events.models import Event
from hopper.tests.forms import said_by, send
from hopper.tests.refusals import nothing_stored
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.models import Task, TaskDependency
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:tasks_task_changelist")
ADD = reverse("admin:tasks_task_add")
KIND = {"kind": "blocks", "quorum": "all"}
ADD_WAIT = reverse("admin:tasks_taskdependency_add")


def page(key, view="change", model="task"):
    return reverse(f"admin:tasks_{model}_{view}", args=[key])


def act(client, action, *keys):
    return client.post(LIST, {"action": action, "_selected_action": keys}, follow=True)


def kinds():
    return list(Event.objects.order_by("pk").values_list("type", flat=True))


class TestTheForm:
    """Add, change and delete, each by its operation."""

    def test_adds_with_an_event(self, admin_client):
        answer = send(admin_client, ADD, title="Fix the build", tags="CI, bug", priority="high")

        assert answer.status_code == 302, said_by(answer)
        task = Task.objects.get()
        assert (task.title, task.tags, task.priority, task.source) == ("Fix the build", ["bug", "ci"], "high", "admin")
        assert (task.requester, kinds()) == ("admin", ["task.submitted"])

    def test_routes_what_it_adds_and_says_why(self, admin_client, run_jobs):
        ProjectFactory(name="sark")

        answer = run_jobs(send, admin_client, ADD, title="Fix the build", project="sark")

        assert Task.objects.get().status == "routed"
        assert admin_client.get(answer["Location"]).status_code == 200

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"title": ""}, "This field is required"), ({"title": "x" * 501}, "at most 500 characters"),
            ({"tags": "it's"}, "without quotes"), ({"required_capabilities": "python: 9"}, "from 1 to 5"),
            ({"due_at_0": "tomorrow"}, "Enter a valid date"), ({"max_attempts": "many"}, "whole number"),
        ],
    )  # fmt: skip
    def test_keeps_what_was_typed_when_refused(self, admin_client, typed, said):
        with nothing_stored():
            answer = send(admin_client, ADD, **{"title": "a", "description": "kept", **typed})

        assert answer.status_code == 200
        assert said in said_by(answer)
        assert answer.context["adminform"].form["description"].value() == "kept"

    def test_refuses_a_project_that_is_not_there(self, admin_client):
        with nothing_stored():
            answer = admin_client.post(ADD, {"title": "a", "priority": "high", "source": "admin", "project": "nowhere"})

        assert "project" in answer.context["adminform"].form.errors

    def test_changes_with_an_event(self, admin_client):
        TaskFactory(id="a")

        send(admin_client, page("a"), title="after", owner="bob")

        assert Task.objects.get().title == "after"
        assert Event.objects.get().payload == {"changed": ["owner", "title"]}

    def test_refuses_a_parent_below(self, admin_client):
        top = TaskFactory(id="top")
        TaskFactory(id="below", parent=top)
        form = {"title": "top", "priority": "high", "source": "admin", "max_attempts": "3", "parent": "below"}

        with nothing_stored():
            answer = admin_client.post(page("top"), form)

        assert "is below this one" in said_by(answer)

    def test_refuses_to_move_what_is_routed(self, admin_client):
        TaskFactory(id="a", routed=True, project=ProjectFactory(name="here"))
        ProjectFactory(name="there")
        form = {"title": "a", "priority": "high", "source": "admin", "max_attempts": "3", "project": "there"}

        admin_client.post(page("a"), form)

        assert Task.objects.get().project_id == "here"

    def test_deletes_with_an_event(self, admin_client):
        TaskFactory(id="a")

        admin_client.post(page("a", "delete"), {"post": "yes"})

        assert not Task.objects.exists()
        assert kinds() == ["task.deleted"]

    def test_keeps_what_somebody_works_on_and_says_so(self, admin_client):
        operations.claim_task(task_id=TaskFactory(id="a", routed=True).pk, owner="ada")

        with nothing_stored():
            answer = admin_client.post(page("a", "delete"), {"post": "yes"}, follow=True)

        assert "release or cancel it first" in said_by(answer)


class TestTheList:
    """Verbs for the selected; a refusal is a message, and the rest is done."""

    @pytest.mark.parametrize(("action", "becomes"), [("complete", "completed"), ("cancel", "cancelled")])
    def test_moves_the_selected(self, admin_client, action, becomes):
        TaskFactory(id="a", routed=True)

        act(admin_client, action, "a")

        assert Task.objects.get().status == becomes

    def test_completes_what_somebody_holds(self, admin_client):
        operations.claim_task(task_id=TaskFactory(id="a", routed=True).pk, owner="ada")

        act(admin_client, "complete", "a")

        assert Task.objects.get().status == "completed"

    def test_retries_what_failed(self, admin_client):
        operations.claim_task(task_id=TaskFactory(id="a", routed=True).pk, owner="ada")
        operations.fail_task(task_id="a", fence=1, owner=None, actor="ada")

        act(admin_client, "retry", "a")

        assert Task.objects.get().status == "pending"

    def test_says_what_it_refuses_and_does_the_rest(self, admin_client):
        TaskFactory(id="a", title="First")
        TaskFactory(id="b", title="Second", routed=True)

        answer = act(admin_client, "complete", "a", "b")

        assert "First: The task is pending" in said_by(answer)
        assert Task.objects.get(pk="b").status == "completed"


class TestDependencies:
    """What waits for what, in the admin."""

    def test_are_added_and_removed_with_an_event(self, admin_client):
        TaskFactory(id="a")
        TaskFactory(id="b")

        admin_client.post(ADD_WAIT, {"task": "a", "depends_on": "b", **KIND})
        edge = TaskDependency.objects.get()
        admin_client.post(page(edge.pk, "delete", "taskdependency"), {"post": "yes"})

        assert kinds() == ["task.dependency_added", "task.dependency_removed"]
        assert not TaskDependency.objects.exists()

    def test_are_changed_as_one_removed_and_one_added(self, admin_client):
        for key in "abc":
            TaskFactory(id=key)
        edge = TaskDependency.objects.create(task_id="a", depends_on_id="b")

        admin_client.post(
            page(edge.pk, model="taskdependency"),
            {"task": "a", "depends_on": "c", **KIND},
            follow=True,
        )

        assert TaskDependency.objects.get().depends_on_id == "c"

    @pytest.mark.parametrize(("task", "depends_on"), [("a", "a"), ("b", "a")])
    def test_never_close_a_circle(self, admin_client, task, depends_on):
        for key in "ab":
            TaskFactory(id=key)
        TaskDependency.objects.create(task_id="a", depends_on_id="b")

        with nothing_stored():
            answer = admin_client.post(ADD_WAIT, {"task": task, "depends_on": depends_on, **KIND})

        assert answer.status_code == 200
        assert said_by(answer)
