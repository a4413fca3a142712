"""One project is merged into another: what was learned of it and what waits for it goes there."""

import pytest
from django.urls import reverse

from hopper.common.errors import Invalid
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from projects.models import Project
from projects.tests.factories import ProjectFactory
from routing.models import Decision, Episode, LearnedState, Pattern
from routing.operations import create_pattern, loading, merge_project, refit, refit_if_due, suggest_for
from routing.tests.factories import teach_topics
from tasks.models import Task
from tasks.operations import release_task
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import held

pytestmark = pytest.mark.django_db
LOGIN = "login page shows an error"


@pytest.fixture
def web():
    """A project with six lessons, beside two with as many."""
    return teach_topics(copies=2)["web"]


@pytest.fixture
def site():
    return ProjectFactory(name="site")


def best_for(title):
    choice = suggest_for(task=Task(title=title))
    return choice.best.project if choice.is_routed else None


class TestAMerge:
    @pytest.mark.parametrize("is_fitted", [False, True])
    def test_takes_what_was_learned_along_in_every_process(self, web, site, is_fitted):
        if is_fitted:
            refit()
        best_for(LOGIN)
        assert merge_project(project=web, into=site, actor="ada").lessons == 6
        assert best_for(LOGIN) == "site"
        assert not Episode.objects.filter(chosen_project="web").exists()
        loading.forget()
        assert best_for(LOGIN) == "site"

    def test_makes_a_fit_due_where_much_is_moved(self, site):
        web = teach_topics(copies=10)["web"]
        refit()
        assert refit_if_due() is None
        merge_project(project=web, into=site, actor="ada")
        assert refit_if_due().number == 2
        assert "web" not in loading.load_knowledge().memory.model.projects
        assert LearnedState.objects.count() == 2

    def test_closes_the_project_with_an_event(self, web, site):
        assert not merge_project(project=web, into=site, actor="ada").project.is_active
        event = Event.objects.get(type="project.merged")
        assert (event.aggregate_id, event.actor, event.sentence) == ("web", "ada", "Merged into site")

    def test_turns_patterns_and_leaves_them_whose_they_are(self, web, site):
        fields = {"pattern_type": "tag", "tag_criteria": ["ui"], "actor": "hopper"}
        learned = create_pattern(name="a", target_project="web", source="learned", **fields)
        create_pattern(name="b", target_project="data", **fields)
        assert merge_project(project=web, into=site, actor="ada").patterns == 1
        learned.refresh_from_db()
        assert (learned.target_project, learned.source) == ("site", Pattern.Source.LEARNED)
        assert Event.objects.filter(type="pattern.changed", actor="ada").count() == 1

    def test_takes_waiting_tasks_along_and_says_why(self, web, site):
        task = TaskFactory(title="a", project=web, status="routed")
        assert merge_project(project=web, into=site, actor="ada").tasks == 1
        task.refresh_from_db()
        assert (task.status, task.project_id) == ("routed", "site")
        assert Decision.objects.get(task=task).reasoning == "ada chose site: web was merged into it."

    def test_leaves_what_is_held_and_takes_it_once_it_is_free(self, web, site):
        task = held(title="a", project=web)
        merged = merge_project(project=web, into=site, actor="ada")
        assert (merged.tasks, merged.left) == (0, 1)
        release_task(task_id=task.pk, fence=task.fence, owner=None, actor="ada")
        merged = merge_project(project=web, into=site, actor="ada")
        assert (merged.tasks, merged.left) == (1, 0)
        assert Event.objects.filter(type="project.merged").count() == 1

    def test_lets_the_other_instance_have_what_waits(self, web):
        seat = InstanceFactory(id="shop", scope="PROJECT")
        task = TaskFactory(title="a", project=web, status="routed")
        merge_project(project=web, into=ProjectFactory(name="site", instance=seat), actor="ada")
        task.refresh_from_db()
        assert (task.project_id, task.instance_id) == ("site", "shop")

    def test_into_itself_or_what_takes_no_work_changes_nothing(self, web):
        closed = ProjectFactory(name="closed", is_active=False)
        for into, said in [(web, "Name another project"), (closed, "closed is inactive")]:
            with pytest.raises(Invalid, match=said):
                merge_project(project=web, into=into, actor="ada")
        web.refresh_from_db()
        assert web.is_active

    def test_into_what_was_closed_at_the_same_moment_changes_nothing(self, web, site):
        merge_project(project=Project.objects.get(pk="site"), into=web, actor="bob")
        with pytest.raises(Invalid, match="site is inactive"):
            merge_project(project=web, into=site, actor="ada")
        assert Project.objects.get(pk="web").is_active
        assert Episode.objects.filter(chosen_project="web").count() == 6


class TestTheApi:
    def test_merges_and_counts(self, api, web, site):
        answer = api("operator").post("/projects/web/merge", into="site")
        assert answer.status_code == 200, answer.content
        merged = answer.json()
        assert merged.pop("project")["is_active"] is False
        assert merged == {"lessons": 6, "patterns": 0, "tasks": 0, "left": 0}

    @pytest.mark.parametrize("into", ["nowhere", "web", None, "", 7])
    def test_says_what_is_wrong_with_the_other(self, api, web, into):
        answer = api("operator").post("/projects/web/merge", into=into)
        assert answer.status_code in (400, 422), answer.content
        assert "into" in answer.json()["errors"]

    def test_is_closed_to_keys_with_limits(self, api, web, site):
        client = api("operator", projects=["web", "site"])
        assert client.post("/projects/web/merge", into="site").status_code == 403
        assert Episode.objects.filter(chosen_project="web").count() == 6


class TestTheAdmin:
    PAGE, LIST = reverse("merge-project"), reverse("admin:projects_project_changelist")

    def choose(self, client, *names):
        return client.post(self.LIST, {"action": "merge", "_selected_action": names}, follow=True)

    def test_leads_from_the_list_to_what_would_move(self, admin_client, web, site):
        TaskFactory(title="a", project=web, status="routed")
        page = self.choose(admin_client, "web")
        assert [number for _, number in page.context["rows"]] == [6, 0, 1, 0]
        assert [other.pk for other in page.context["others"]] == ["data", "infra", "site"]

    def test_merges_one_at_a_time(self, admin_client, web, site):
        said = [str(message) for message in self.choose(admin_client, "web", "site").context["messages"]]
        assert said == ["Choose one project: they are merged one by one."]

    def test_merges(self, admin_client, web, site):
        page = admin_client.post(f"{self.PAGE}?project=web", {"into": "site"}, follow=True)
        (said,) = [str(message) for message in page.context["messages"]]
        assert said.startswith("web was merged into site: 6 lessons")
        assert best_for(LOGIN) == "site"

    @pytest.mark.parametrize("into", ["", "nowhere", "web", "a\x00"])
    def test_asks_again_when_the_other_is_none(self, admin_client, web, into):
        page = admin_client.post(f"{self.PAGE}?project=web", {"into": into}, follow=True)
        assert page.context["project"] == web
        assert len(list(page.context["messages"])) == 1

    def test_turns_away_who_may_not_change_projects_and_who_names_none(self, admin_client, client, django_user_model):
        assert admin_client.get(f"{self.PAGE}?project=nowhere").status_code == 302
        client.force_login(django_user_model.objects.create_user("eve", is_staff=True))
        assert client.post(f"{self.PAGE}?project=web", {"into": "site"})["Location"] == reverse("admin:index")
