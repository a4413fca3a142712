import pytest
from django.contrib.auth.models import Permission

from feedback.models import TaskFeedback
from projects.tests.factories import ProjectFactory
from routing.models import Decision, EpisodeJudgement
from routing.operations import route_task, suggest_for
from routing.tests.factories import make_projects
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
QUEUE = "/admin/review/"


def in_review(**fields):
    task = TaskFactory(**fields)
    route_task(task=task)
    return task


def said(response):
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def clerk(client, django_user_model):
    """A member of staff with the permissions that are named."""

    def sign_in(*permissions):
        user = django_user_model.objects.create_user("clerk", password="long enough it is", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return sign_in


class TestTheReviewPage:
    def test_shows_what_waits_with_its_best_three_places(self, admin_client):
        make_projects("alpha", "beta", "gamma", "delta")
        ProjectFactory(name="asleep", is_active=False)
        in_review(title="<b>sort</b> the stamps")
        page = admin_client.get(QUEUE)
        text = page.content.decode()
        assert page.status_code == 200
        assert "&lt;b&gt;sort&lt;/b&gt; the stamps" in text
        assert "<b>sort</b>" not in text
        for name, times in (("alpha", 2), ("gamma", 1), ("asleep", 0)):
            assert text.count(f'value="{name}"') == times, name

    def test_shows_the_most_urgent_first_on_pages_of_twenty(self, admin_client):
        make_projects("alpha")
        for number in range(21):
            in_review(title=f"stamp {number}", priority="low")
        urgent = in_review(title="at once", priority="urgent")
        first, second = (admin_client.get(f"{QUEUE}?page={number}").context["page"] for number in (1, 2))
        assert (first[0], len(first), len(second)) == (urgent, 20, 2)

    def test_says_so_when_nothing_waits(self, admin_client):
        TaskFactory()
        page = admin_client.get(QUEUE)
        assert (page.status_code, len(page.context["page"])) == (200, 0)

    def test_costs_the_same_queries_for_few_and_for_many(self, admin_client, django_assert_num_queries):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        make_projects("alpha")
        in_review()
        with CaptureQueriesContext(connection) as few:
            admin_client.get(QUEUE)
        for _ in range(10):
            in_review()
        with django_assert_num_queries(len(few)):
            admin_client.get(QUEUE)

    def test_takes_a_click_as_the_answer(self, admin_client):
        make_projects("alpha", "beta")
        task = in_review(title="sort the stamps by country")
        page = admin_client.post(QUEUE, {"task": task.pk, "project": "beta"}, follow=True)
        task.refresh_from_db()
        assert (task.status, task.project_id, task.decision.decided_by) == ("routed", "beta", "human")
        assert said(page) == ["“sort the stamps by country” went to beta. Hopper has learned from it."]
        assert TaskFeedback.objects.get().given_by == "admin"
        assert suggest_for(task=Task(title="sort the stamps by country")).best.project == "beta"

    def test_stays_on_its_page(self, admin_client):
        make_projects("alpha")
        answer = admin_client.post(f"{QUEUE}?page=2", {"task": in_review().pk, "project": "alpha"})
        assert (answer.status_code, answer.url) == (302, f"{QUEUE}?page=2")

    def test_tells_the_second_who_answers(self, admin_client):
        make_projects("alpha", "beta")
        task = in_review()
        admin_client.post(QUEUE, {"task": task.pk, "project": "beta"})
        page = admin_client.post(QUEUE, {"task": task.pk, "project": "alpha"}, follow=True)
        assert said(page)[-1] == "This task is routed and waits for nobody's answer."
        assert Decision.objects.get().project_id == "beta"

    @pytest.mark.parametrize("form", [{}, {"task": "x"}, {"project": "alpha"}, {"task": "\x00", "project": "\x00"}])
    def test_tells_who_answers_nothing(self, admin_client, form):
        make_projects("alpha")
        in_review()
        page = admin_client.post(QUEUE, form, follow=True)
        assert said(page) == ["Choose a project for the task; it may have been answered or deleted meanwhile."]
        assert Decision.objects.get().outcome == "abstained"

    def test_is_for_people_who_may_change_tasks(self, clerk):
        client = clerk("view_task")
        make_projects("alpha")
        task = in_review()
        for answer in (client.get(QUEUE), client.post(QUEUE, {"task": task.pk, "project": "alpha"})):
            assert (answer.status_code, answer.url) == (302, "/admin/")
        assert Task.objects.get().review_required

    def test_opens_to_people_who_may(self, clerk):
        assert clerk("change_task").get(QUEUE).status_code == 200

    def test_asks_strangers_to_sign_in(self, client):
        assert client.get(QUEUE).url.startswith("/admin/login/")

    def test_knows_no_other_verbs(self, admin_client):
        assert admin_client.put(QUEUE).status_code == 405


class TestTheDashboard:
    def test_counts_the_work_and_how_well_hopper_decides(self, admin_client):
        make_projects("alpha", "beta")
        in_review()
        TaskFactory(routed=True)
        page = admin_client.get("/admin/")
        assert page.status_code == 200
        assert (page.context["counts"]["review"], page.context["counts"]["ready"]) == (1, 1)
        assert page.context["health"] == {
            "judged": 0, "accuracy": None, "before": None, "drift": False,
        }  # fmt: skip


class TestFeedbackInTheAdmin:
    @pytest.fixture
    def task(self):
        make_projects("web", "data")
        task = TaskFactory(project_id="web")
        route_task(task=task)
        return task

    def test_is_added_changed_and_withdrawn_by_forms(self, admin_client, task):
        base = "/admin/feedback/taskfeedback"
        form = {"was_good_match": "", "should_have_routed_to": "data", "quality_score": "0.5", "actual_duration": "2h"}
        assert admin_client.post(f"{base}/add/", {"task": task.pk, **form}).status_code == 302
        feedback = TaskFeedback.objects.get()
        assert (feedback.was_good_match, feedback.source, feedback.actual_seconds) == (False, "admin", 7200)
        assert EpisodeJudgement.objects.get().right_project == "data"
        change = {**form, "was_good_match": "on", "should_have_routed_to": ""}
        assert admin_client.post(f"{base}/{task.pk}/change/", change).status_code == 302
        assert EpisodeJudgement.objects.get().right_project == "web"
        assert admin_client.get(f"{base}/").status_code == 200
        page = admin_client.get(f"{base}/{task.pk}/change/").content.decode()
        assert "Tasks like this belong to <strong>web</strong>" in page
        assert page.count("should_have_routed_to: data") == 1
        admin_client.post(f"{base}/{task.pk}/delete/", {"post": "yes"})
        assert not TaskFeedback.objects.exists()
        assert EpisodeJudgement.objects.get().right_project is None

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"quality_score": "5"}, "5 is not from 0 to 1"),
            ({"should_have_routed_to": "nowhere"}, "There is no project"),
            ({"actual_duration": "soon"}, "is no duration"),
        ],
    )
    def test_is_refused_beside_the_field(self, admin_client, task, wrong, says):
        page = admin_client.post("/admin/feedback/taskfeedback/add/", {"task": task.pk, "was_good_match": "", **wrong})
        assert page.status_code == 200
        (field,) = page.context["adminform"].form.errors
        assert field == next(iter(wrong))
        assert says in str(page.context["adminform"].form.errors[field])
        assert not TaskFeedback.objects.exists()
