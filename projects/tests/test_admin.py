import pytest
from django.urls import reverse

from hopper.events.models import Event
from hopper.tests.forms import said_by, send
from hopper.tests.refusals import nothing_stored
from projects.models import Project
from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:projects_project_changelist")
ADD = reverse("admin:projects_project_add")


def page(name, view="change"):
    return reverse(f"admin:projects_project_{view}", args=[name])


class TestTheForm:
    """Add, change and delete, each by its operation."""

    def test_adds_with_an_event(self, admin_client):
        answer = send(admin_client, ADD, name="Sark", slug="sark", capabilities="python: 4, mcp", tags="API, bug")

        assert answer.status_code == 302, said_by(answer)
        made = Project.objects.get()
        assert (made.capabilities, made.tags, made.created_by) == ({"mcp": 3, "python": 4}, ["api", "bug"], "admin")
        assert (Event.objects.get().type, Event.objects.get().actor) == ("project.registered", "admin")

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"name": ""}, "This field is required"), ({"name": "a/b"}, "no slash"),
            ({"name": "twin"}, "already exists"),
            ({"capabilities": "python: 9"}, "from 1 to 5"), ({"tags": "it's"}, "without quotes"),
            ({"sla": '{"speed": 1}'}, "An SLA is an object"), ({"executor_config": "{"}, "Enter valid JSON"),
            ({"executor_config": "[1]"}, "Send an object"), ({"webhook_url": "x"}, "valid URL"),
        ],
    )  # fmt: skip
    def test_keeps_what_was_typed_when_refused(self, admin_client, typed, said):
        ProjectFactory(name="twin")

        with nothing_stored():
            answer = send(admin_client, ADD, **{"name": "Sark", "slug": "sark", "repository": "kept", **typed})

        assert answer.status_code == 200
        assert said in said_by(answer)
        assert answer.context["adminform"].form["repository"].value() == "kept"

    def test_changes_with_an_event(self, admin_client):
        ProjectFactory(name="sark")

        send(admin_client, page("sark"), capacity="3")

        assert Project.objects.get().capacity == 3
        assert Event.objects.get().payload == {"changed": ["capacity"]}

    def test_deletes_with_an_event(self, admin_client):
        ProjectFactory(name="sark")

        admin_client.post(page("sark", "delete"), {"post": "yes"})

        assert not Project.objects.exists()
        assert Event.objects.get().type == "project.deleted"

    def test_keeps_what_tasks_stand_on(self, admin_client):
        TaskFactory(routed=True, project=ProjectFactory(name="sark"))

        with nothing_stored():
            admin_client.post(page("sark", "delete"), {"post": "yes"})


class TestTheList:
    """How much each project has to do."""

    def test_counts_open_tasks(self, admin_client):
        TaskFactory.create_batch(2, routed=True, project=ProjectFactory(name="sark"))

        answer = admin_client.get(LIST)

        assert [row.routed_tasks for row in answer.context["cl"].result_list] == [2]

    def test_deletes_the_selected_and_says_what_it_refuses(self, admin_client):
        TaskFactory(routed=True, project=ProjectFactory(name="busy"))
        ProjectFactory(name="idle")

        admin_client.post(LIST, {"action": "delete_selected", "_selected_action": ["idle"], "post": "yes"})

        assert [project.pk for project in Project.objects.all()] == ["busy"]
