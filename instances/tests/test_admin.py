import pytest
from django.urls import reverse

from hopper.events.models import Event
from hopper.tests.forms import said_by, send
from hopper.tests.refusals import nothing_stored
from instances.admin import WHOLE_TREE
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import held

pytestmark = pytest.mark.django_db
LIST = reverse("admin:instances_instance_changelist")
END = reverse("end-instances")
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
        [("start", "created", "active"), ("pause", "active", "paused"), ("resume", "paused", "active")],
    )
    def test_moves_the_selected(self, admin_client, action, was, becomes):
        InstanceFactory(id="a", status=was)

        act(admin_client, action, "a")

        assert Instance.objects.get().status == becomes
        assert Event.objects.count() == 1

    def test_shows_a_large_tree_level_by_level(self, admin_client, django_assert_max_num_queries):
        deep = [InstanceFactory(id="n0", scope="GLOBAL")]
        for n in range(1, 6):
            deep.append(InstanceFactory(id=f"n{n}", name=f"n{n}", parent=deep[-1]))
        Instance.objects.bulk_create(InstanceFactory.build(parent=deep[-1]) for _ in range(WHOLE_TREE))
        TaskFactory.create_batch(2, instance=deep[-1])
        admin_client.get(LIST)

        def shown(**params):
            with django_assert_max_num_queries(10):
                return admin_client.get(LIST, params).context["cl"].result_list

        assert [(row.pk, row.open_in_branch) for row in shown()] == [("n0", 2), ("n1", 2), ("n2", 2)]
        assert [(row.pk, row.children_count) for row in shown(branch="n2")] == [(f"n{n}", 1) for n in range(5)]
        assert [row.pk for row in shown(branch="n5")][:6] == [f"n{n}" for n in range(6)]
        assert [row.pk for row in shown(q="n4")] == ["n4"]
        assert list(shown(branch="\x00nothing")) == []

    def test_says_what_it_refuses_and_does_the_rest(self, admin_client):
        InstanceFactory(id="a", name="A", status="paused")
        InstanceFactory(id="b", name="B")

        answer = act(admin_client, "pause", "a", "b")

        assert "A is paused, so it cannot become paused." in said_by(answer)
        assert Instance.objects.get(pk="b").status == "paused"


class TestThePageOfAnInstance:
    def test_shows_the_way_to_it_its_work_and_what_is_in_force(self, admin_client):
        root = InstanceFactory(id="root", name="Root", scope="GLOBAL", config={"confidence_threshold": 0.6})
        InstanceFactory(id="a", name="A", parent=root, config={"auto_delegate": False})
        TaskFactory(instance=InstanceFactory(parent_id="a"))

        answer = admin_client.get(page("a"))

        assert [row.pk for row in answer.context["way"]] == ["root"]
        assert (answer.context["work"], answer.context["below"]) == ([("pending", 1)], 1)
        assert [(name, value, row.pk) for name, value, row in answer.context["settings"]] == [
            ("auto_delegate", False, "a"), ("confidence_threshold", 0.6, "root"),
        ]  # fmt: skip
        assert page("root") in answer.content.decode()


class TestDrainAndTerminate:
    """A page shows what is open, and asks."""

    @pytest.fixture
    def busy(self):
        held(instance=InstanceFactory(id="a", name="A"))
        TaskFactory(instance=InstanceFactory(id="below", parent_id="a"))

    @pytest.mark.parametrize(
        ("verb", "choices"), [("drain", ["keep", "reroute"]), ("terminate", ["refuse", "wait", "reroute"])]
    )
    @pytest.mark.usefixtures("busy")
    def test_ask_from_the_list(self, admin_client, verb, choices):
        answer = act(admin_client, verb, "a")

        (row,) = answer.context["rows"]
        assert (row["instance"].pk, row["below"], row["open"], row["held"]) == ("a", 1, 2, 1)
        assert [choice for choice, *_ in answer.context["choices"]] == choices
        assert not Event.objects.filter(aggregate_type="instances.instance").exists()

    @pytest.mark.usefixtures("busy")
    def test_carry_out_the_answer(self, admin_client):
        there = END + "?verb=terminate&id=a"

        refused = admin_client.post(there, {"open_work": "refuse", "branch": "on"}, follow=True)
        closing = admin_client.post(there, {"open_work": "reroute", "branch": "on", "reason": "old"}, follow=True)

        assert "has open tasks" in said_by(refused)
        assert "A closes." in said_by(closing)
        assert {row.pk: row.status for row in Instance.objects.all()} == {"a": "paused", "below": "terminated"}

    @pytest.mark.usefixtures("busy")
    def test_drain(self, admin_client):
        answer = admin_client.post(END + "?verb=drain&id=below", {"open_work": "reroute"}, follow=True)

        assert "is paused." in said_by(answer)
        assert not Instance.objects.get(pk="below").tasks.exists()

    @pytest.mark.parametrize(
        ("address", "typed", "said"),
        [
            ("?verb=terminate", None, "Choose living instances"), ("?verb=explode&id=a", None, "Choose living"),
            ("?verb=terminate&id=%00", None, "Choose living"), ("?verb=terminate&id=gone", {}, "Choose living"),
            ("?verb=terminate&id=a", {"open_work": "explode"}, "Say what shall happen"),
            ("?verb=terminate&id=a", {}, "Say what shall happen"),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("busy")
    def test_do_nothing_about_what_makes_no_sense(self, admin_client, address, typed, said):
        with nothing_stored():
            ask = admin_client.get if typed is None else admin_client.post
            answer = ask(END + address, typed or {}, follow=True)

        assert said in said_by(answer)

    @pytest.mark.usefixtures("busy")
    def test_are_for_those_who_may_change_instances(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("guest", is_staff=True))

        answer = client.post(END + "?verb=drain&id=a", {"open_work": "keep"}, follow=True)

        assert "You may not end instances" in said_by(answer)
        assert Instance.objects.get(pk="a").status == "active"
