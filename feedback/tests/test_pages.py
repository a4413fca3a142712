"""The pages about confidence, about what people said, and about the tags that they missed."""

import pytest
from django.contrib.auth.models import Permission

from feedback.models import TagDismissal
from feedback.operations import record_feedback
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.operations import assign_task, route_task
from routing.tests.factories import activate_rules, votes_for
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


def said(response):
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def desk():
    """An instance with a project that a rule is rather sure of; two of its decisions are judged, one is right."""
    desk = InstanceFactory(id="desk", name="Desk")
    ProjectFactory(name="web", instance=desk)
    ProjectFactory(name="data")
    activate_rules(votes_for("web", when={"keyword": "login"}, weight=0.9))
    for good in (True, False):
        task = TaskFactory(title="login")
        route_task(task=task)
        record_feedback(task=task, was_good_match=good, actor="ada")
    return desk


class TestTheConfidencePage:
    def test_draws_the_curve_and_says_what_a_threshold_does_before_it_is_saved(self, admin_client, desk):
        page = admin_client.get("/admin/confidence/", {"scope": "desk", "threshold": "1"})
        text = page.content.decode()
        assert page.status_code == 200
        assert text.count("<circle") == 1
        assert "50\u202f% right, 2 judged" in text
        assert page.context["wanted"]["coverage"] == "0\u202f%"
        assert "Save it for Desk" in text
        assert Instance.objects.get(pk="desk").config == {}

    @pytest.mark.parametrize(
        ("form", "config"),
        [
            ({"threshold": "0.8"}, {"confidence_threshold": {"confidence": 0.8}}),
            ({"threshold": "0.8", "priority": "low"}, {"confidence_threshold": {"confidence": 0.7, "low": 0.8}}),
            ({"wrong": "10", "review": "2"}, {"confidence_costs": {"wrong": 10.0, "review": 2.0}}),
            ({"wrong": "4", "review": "1", "priority": "low"},
             {"confidence_costs": {"low": {"wrong": 4.0, "review": 1.0}}}),
        ],
    )  # fmt: skip
    def test_saves_it_at_the_instance(self, admin_client, desk, form, config):
        Instance.objects.update(config={"confidence_threshold": 0.7, "colour": "red"})
        page = admin_client.post("/admin/confidence/", {"scope": "desk", **form}, follow=True)
        assert said(page) == ["Saved. It holds for Desk and what is below, from the next task on."]
        assert Instance.objects.get(pk="desk").config == {"colour": "red", **config}

    @pytest.mark.parametrize(
        "form",
        [
            {"threshold": "0.8"}, {"scope": "desk"}, {"scope": "desk", "threshold": "8"},
            {"scope": "desk", "wrong": "2"}, {"scope": "nowhere\x00", "threshold": "0.8"},
        ],
    )  # fmt: skip
    def test_saves_nothing_that_is_incomplete(self, admin_client, desk, form):
        page = admin_client.post("/admin/confidence/", form, follow=True)
        assert said(page) == ["Choose an instance that you may change, and a threshold or both costs."]
        assert Instance.objects.get(pk="desk").config == {}
        assert admin_client.get("/admin/confidence/", form).status_code == 200

    def test_is_for_people_who_may_see_tasks_and_saved_by_those_who_may_change_instances(
        self, client, django_user_model, desk
    ):  # fmt: skip
        user = django_user_model.objects.create_user("clerk", password="long enough it is", is_staff=True)
        client.force_login(user)
        assert client.get("/admin/confidence/").status_code == 302
        user.user_permissions.add(Permission.objects.get(codename="view_task"))
        assert client.get("/admin/confidence/").status_code == 200
        client.post("/admin/confidence/", {"scope": "desk", "threshold": "0.8"})
        assert Instance.objects.get(pk="desk").config == {}


class TestTheFiguresPage:
    @pytest.mark.parametrize("by", ["project", "strategy", "tag", "day", "week", "colour"])
    def test_counts_what_people_said(self, admin_client, desk, by):
        page = admin_client.get("/admin/said/", {"by": by})
        assert page.status_code == 200
        assert [row["judged"] for row in page.context["rows"]] == ([] if by == "tag" else [2])


class TestTheMissingTags:
    @pytest.mark.parametrize(
        ("verb", "tags", "skills", "dismissed"),
        [("tag", ["sql"], {}, 0), ("capability", [], {"sql": 1}, 0), ("dismiss", [], {}, 1)],
    )
    def test_are_settled_by_a_click(self, admin_client, verb, tags, skills, dismissed):
        task = TaskFactory(title="a slow query")
        assign_task(task=task, project=ProjectFactory(name="web"), actor="ada")
        record_feedback(task=task, was_good_match=True, required_skills_not_tagged=["sql"], actor="ada")
        assert "a slow query" in admin_client.get("/admin/retag/").content.decode()

        page = admin_client.post("/admin/retag/", {"verb": verb, "project": "web", "tag": "sql"}, follow=True)

        task = Task.objects.get()
        assert (task.tags, task.required_capabilities) == (tags, skills)
        assert (TagDismissal.objects.count(), page.context["proposals"]) == (dismissed, [])
        admin_client.post("/admin/retag/", {"verb": verb, "project": "web", "tag": "sql"})
        assert Task.objects.get().tags == tags
