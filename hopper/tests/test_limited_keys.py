"""Keys of projects learn of no others from decisions, and keys of branches answer what those are asked."""

import pytest

from feedback.operations import record_feedback
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision
from routing.operations import route_task
from routing.tests.factories import activate_rules, teach, votes_for
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
LOGIN = "the login page shows an error"
HIDDEN = ("quokka", "numbat")


@pytest.fixture
def house():
    """A shop that serves web and till, beside a lab with two projects of which nobody in the shop may know."""
    shop, lab = InstanceFactory(id="shop"), InstanceFactory(id="lab")
    for name, seat in {"web": shop, "till": shop, "quokka": lab, "numbat": lab}.items():
        teach(ProjectFactory(name=name, instance=seat), f"{LOGIN} {name}", LOGIN)
    rules = [votes_for(name, when={"keyword": "login"}, weight=0.2, name=f"for {number}")
             for number, name in enumerate(("till", *HIDDEN))]  # fmt: skip
    forbid = votes_for("numbat", when={"keyword": "gizmo"}, forbid=True, name="keep numbat out")
    activate_rules(*rules, forbid, votes_for("web", when={"keyword": "gizmo"}, weight=0.95, name="gizmos"))
    return {"shop": shop, "lab": lab}


def leaks(answer):
    assert answer.status_code in (200, 201), answer.content
    return [name for name in HIDDEN if name in answer.content.decode()]


class TestADecision:
    @pytest.fixture
    def task(self, house):
        """A task of web that others were thought of for, too."""
        task = TaskFactory(title=f"gizmo: {LOGIN}")
        assert route_task(task=task).project_id == "web"
        record_feedback(task=task, was_good_match=True, actor="ada")
        return task

    @pytest.mark.parametrize(
        "limits", [{"projects": ["web"]}, {"projects": ["web"], "instances": ["shop"]}], ids=["projects", "both"]
    )
    @pytest.mark.parametrize(
        "door", ["tasks/{}", "tasks/{}/decision", "tasks/{}/explain", "tasks/{}/timeline", "tasks"]
    )
    def test_names_no_project_that_the_key_does_not_see(self, api, task, limits, door):
        path = f"/{door.format(task.pk)}"
        assert leaks(api("viewer", **limits).get(path)) == []

    @pytest.mark.parametrize("door", ["decisions", "episodes"])
    def test_names_none_in_lists_and_records(self, api, task, door):
        client = api("viewer", projects=["web"])
        page = client.get(f"/{door}")
        assert page.json()["results"]
        assert leaks(page) == []

    def test_is_told_whole_to_who_sees_everything(self, api, task):
        for door in (f"tasks/{task.pk}", f"tasks/{task.pk}/explain", "decisions", "episodes"):
            assert leaks(api("viewer").get(f"/{door}"))

    def test_is_stored_whole(self, api, task):
        api("viewer", projects=["web"]).get(f"/tasks/{task.pk}")
        assert {place["project"] for place in Decision.objects.get(task=task).alternatives} & set(HIDDEN)


class TestAReview:
    def doubted(self, title, **fields):
        task = TaskFactory(title=title, **fields)
        assert route_task(task=task).outcome == "abstained"
        return task

    def asked(self, client):
        return [row["id"] for row in client.get("/review").json()["results"]]

    def test_is_seen_by_the_key_of_the_branch_that_is_asked(self, api, house):
        activate_rules(*[votes_for(name, when={"keyword": "login"}, forbid=True) for name in HIDDEN])
        task = self.doubted(LOGIN)
        assert Decision.objects.get(task=task).asked_instance_id == "shop"
        shop, lab = (api("operator", instances=[name]) for name in ("shop", "lab"))
        assert (self.asked(shop), self.asked(lab)) == ([task.pk], [])
        assert shop.get(f"/review/{task.pk}").json()["task"]["asked"]["instance_id"] == "shop"
        assert lab.get(f"/review/{task.pk}").status_code == 404
        assert lab.post(f"/review/{task.pk}", project="quokka").status_code == 404
        assert shop.post(f"/review/{task.pk}", project="till").json()["project"] == "till"
        assert self.asked(shop) == []

    def test_is_nobodys_who_is_asked_for_another_branch(self, api, house):
        task = self.doubted(LOGIN)
        assert Decision.objects.get(task=task).asked_instance is None
        assert self.asked(api("operator", instances=["shop"])) == []

    def test_is_not_seen_by_a_key_of_projects(self, api, house):
        self.doubted(LOGIN)
        assert self.asked(api("operator", instances=["shop"], projects=["web"])) == []
