import pytest
from django.urls import reverse

from hopper.events.models import Event
from hopper.tests.forms import said_by, send
from hopper.tests.refusals import nothing_stored
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:instances_instance_changelist")
ADD = reverse("admin:instances_instance_add")


def page(key, view="change"):
    return reverse(f"admin:instances_instance_{view}", args=[key])


def act(client, action, *keys):
    return client.post(LIST, {"action": action, "_selected_action": keys}, follow=True)


class TestTheForm:
    """Add, change and delete, each by its operation."""

    def test_adds_with_an_event(self, admin_client):
        answer = send(admin_client, ADD, id="a", name="A", scope="PROJECT", config='{"max_concurrent_tasks": 2}')

        assert answer.status_code == 302, said_by(answer)
        made = Instance.objects.get()
        assert (made.name, made.created_by, made.config) == ("A", "admin", {"max_concurrent_tasks": 2})
        assert (Event.objects.get().type, Event.objects.get().actor) == ("instance.created", "admin")

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"scope": "ORCHESTRATION"}, "A ORCHESTRATION instance sits under"),
            ({"name": ""}, "This field is required"),
            ({"id": "a b"}, "Use only letters"),
            ({"config": "{"}, "Enter valid JSON"),
            ({"config": '{"a": NaN}'}, "Enter valid JSON"),
            ({"config": '{"a": 1e999}'}, "Enter valid JSON"),
            ({"config": '{"a": "\\u0000"}'}, "NUL"),
            ({"config": '{"a": "\\ud800"}'}, "lone surrogate"),
            ({"config": "[" * 50_000}, "Enter valid JSON"),
            ({"config": '{"max_concurrent_tasks": -1}'}, "whole number of 0 or more"),
            ({"name": "twin"}, "has this name already"),
        ],
    )
    def test_keeps_what_was_typed_when_refused(self, admin_client, typed, said):
        InstanceFactory(name="twin")

        with nothing_stored():
            answer = send(
                admin_client, ADD, **{"id": "a", "name": "A", "scope": "PROJECT", "description": "kept", **typed}
            )

        assert answer.status_code == 200
        assert said in said_by(answer)
        assert answer.context["adminform"].form["description"].value() == "kept"

    def test_changes_with_an_event(self, admin_client):
        InstanceFactory(id="a")

        send(admin_client, page("a"), name="B", description="new")

        assert Instance.objects.get().name == "B"
        assert Event.objects.get().payload == {"changed": ["description", "name"]}

    def test_refuses_a_circle(self, admin_client):
        top = InstanceFactory(id="top")
        InstanceFactory(id="below", parent=top)

        with nothing_stored():
            answer = admin_client.post(
                page("top"), {"name": top.name, "scope": "PROJECT", "instance_type": "persistent", "parent": "below"}
            )

        assert "the tree would become a circle" in said_by(answer)

    def test_deletes_with_an_event(self, admin_client):
        InstanceFactory(id="a")

        admin_client.post(page("a", "delete"), {"post": "yes"})

        assert not Instance.objects.exists()
        assert Event.objects.get().type == "instance.deleted"

    def test_keeps_what_others_stand_on(self, admin_client):
        TaskFactory(instance=InstanceFactory(id="a"))

        admin_client.post(page("a", "delete"), {"post": "yes"})

        assert Instance.objects.filter(pk="a").exists()


class TestTheTree:
    """The list shows the tree with its open work, and acts on it."""

    def test_shows_each_branch_below_its_parent_with_its_work(self, admin_client):
        root = InstanceFactory(id="root", name="Root", scope="GLOBAL")
        near = InstanceFactory(id="near", name="Near", parent=root)
        InstanceFactory(id="far", name="Far", parent=root)
        TaskFactory.create_batch(3, instance=near)

        rows = admin_client.get(LIST).context["cl"].result_list

        shown = [(row.pk, row.tree_depth, row.open_tasks) for row in rows]
        assert shown == [("root", 0, 0), ("far", 1, 0), ("near", 1, 3)]

    @pytest.mark.parametrize(
        ("action", "was", "becomes"),
        [("start", "created", "active"), ("pause", "active", "paused"), ("resume", "paused", "active"),
         ("terminate", "active", "terminated")],
    )  # fmt: skip
    def test_moves_the_selected(self, admin_client, action, was, becomes):
        InstanceFactory(id="a", status=was)

        act(admin_client, action, "a")

        assert Instance.objects.get().status == becomes
        assert Event.objects.count() == 1

    def test_says_what_it_refuses_and_does_the_rest(self, admin_client):
        InstanceFactory(id="a", name="A", status="paused")
        InstanceFactory(id="b", name="B")

        answer = act(admin_client, "pause", "a", "b")

        assert "A is paused, so it cannot become paused." in said_by(answer)
        assert Instance.objects.get(pk="b").status == "paused"
