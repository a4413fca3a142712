"""What stops and what hangs, as the admin shows it."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.html import strip_tags

from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from tasks.operations import add_dependency
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def house():
    """A bench with a task, another task that waits for it, and a private task that waits for both."""
    bench = InstanceFactory(id="bench", name="Bench")
    ProjectFactory(name="engine", instance=bench)
    saw = TaskFactory(id="saw", title="Saw the boards", status="routed", instance=bench, estimated_effort="4h")
    glue = TaskFactory(id="glue", title="Glue the boards", status="routed", instance=InstanceFactory())
    add_dependency(task=glue, depends_on=saw, actor="ada")
    den = InstanceFactory(scope="PERSONAL", config={"owner": "bob"})
    secret = TaskFactory(id="secret", title="Wrap the present", status="routed", instance=den)
    add_dependency(task=secret, depends_on=glue, actor="ada")


def words(client, page, key):
    answer = client.get(reverse(page, args=[key]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode().partition('id="content-main"')[2]))


def staff(client, *names):
    user = get_user_model().objects.create_user("eve", is_staff=True)
    from django.contrib.auth.models import Permission

    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


class TestWhatStops:
    def test_says_how_much_and_why(self, admin_client):
        shown = words(admin_client, "what-stops", "bench")

        assert "3 open tasks would stop" in shown
        assert "1 open here · 0 open below · 0 handed there · 2 waiting for one of those" in shown
        assert "It serves engine." in shown
        assert shown.index("Saw the boards") < shown.index("Glue the boards") < shown.index("Wrap the present")

    def test_is_one_click_from_the_instance(self, admin_client):
        page = admin_client.get(reverse("admin:instances_instance_change", args=["bench"])).content.decode()

        assert f'href="{reverse("what-stops", args=["bench"])}"' in page

    def test_keeps_private_tasks_to_their_owner(self, client):
        shown = words(staff(client, "view_task"), "what-stops", "bench")

        assert "2 open tasks would stop" in shown
        assert "Wrap" not in shown

    @pytest.mark.parametrize(("names", "key"), [((), "bench"), (("view_task",), "gone"), (("view_task",), "a\x00")])
    def test_turns_away_who_may_not_see_it(self, client, names, key):
        answer = staff(client, *names).get(reverse("what-stops", args=[key]))

        assert (answer.status_code, answer.url) == (302, reverse("admin:index"))


class TestWhatHangs:
    def test_shows_what_waits_and_the_longest_way(self, admin_client):
        shown = words(admin_client, "what-hangs", "glue")

        assert "1 task waits for it" in shown
        assert "The longest way to its end: 5 h" in shown
        way = shown.partition("longest way")[2]
        assert way.index("Saw the boards") < way.index("Glue the boards")
        assert "1, a guess" in way
        assert "Nothing waits for it" in words(admin_client, "what-hangs", "secret")

    def test_is_one_click_from_the_task(self, admin_client):
        page = admin_client.get(reverse("admin:tasks_task_change", args=["glue"])).content.decode()

        assert f'href="{reverse("what-hangs", args=["glue"])}"' in page

    def test_keeps_private_tasks_to_their_owner(self, client):
        eve = staff(client, "view_task")

        assert "Nothing waits for it" in words(eve, "what-hangs", "glue")
        assert eve.get(reverse("what-hangs", args=["secret"])).url == reverse("admin:index")
