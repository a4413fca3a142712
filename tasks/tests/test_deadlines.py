"""What is about to breach: found by its project's promises, sorted by time left, with its place and its wait."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hopper.tests.refusals import refused
from instances.tests.factories import InstanceFactory
from projects.models import Project
from projects.tests.factories import ProjectFactory
from tasks import operations
from tasks.deadlines import NEVER, expected_wait
from tasks.models import Task
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, held

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def hours_ago(number):
    return timezone.now() - number * HOUR


@pytest.fixture
def web():
    return ProjectFactory(name="web", sla={"response_time": "2h", "completion_time": "10h"})


def deadlines(api, **params):
    """Return `{id: (kind, state, hours left)}`, in the order of the list."""
    rows = api("viewer", name=f"viewer {params}").get("/tasks/at-risk", **params).json()["results"]
    return {
        row["id"]: (row["deadline"]["kind"], row["deadline"]["state"], round(row["deadline"]["seconds_left"] / 3600))
        for row in rows
    }


class TestTheListAtRisk:
    def test_is_by_time_left_with_kind_and_state(self, api, web):
        plain = ProjectFactory(name="plain")
        TaskFactory(id="unanswered", routed=True, project=web, created_at=hours_ago(3))
        TaskFactory(id="young", routed=True, project=web)
        TaskFactory(
            id="started", project=web, status="in_progress", lease_owner="ada", lease_until=timezone.now() + HOUR,
            created_at=hours_ago(9), started_at=hours_ago(8),
        )  # fmt: skip
        TaskFactory(id="due", routed=True, project=plain, created_at=hours_ago(30), due_at=timezone.now() + 5 * HOUR)
        TaskFactory(id="placeless", due_at=hours_ago(5))
        TaskFactory(id="calm", routed=True, project=plain, created_at=hours_ago(99))
        over = {"status": "completed", "finished_at": timezone.now()}
        TaskFactory(id="over", routed=True, project=web, created_at=hours_ago(99), due_at=hours_ago(9), **over)

        assert list(deadlines(api).items()) == [
            ("placeless", ("due", "breached", -5)), ("unanswered", ("response", "breached", -1)),
            ("started", ("completion", "at_risk", 1)), ("young", ("response", "fine", 2)),
            ("due", ("due", "at_risk", 5)),
        ]  # fmt: skip
        assert list(deadlines(api, within="90m")) == ["placeless", "unanswered", "started"]
        assert list(deadlines(api, project="plain")) == ["due"]

    def test_counts_from_when_the_work_could_begin(self, api, web):
        first = TaskFactory(id="first", routed=True, project=ProjectFactory(name="other"))
        for key in ("behind", "freed", "deferred"):
            TaskFactory(id=key, routed=True, project=web, created_at=hours_ago(5))
        Task.objects.filter(pk="deferred").update(defer_until=hours_ago(1))
        freeing = TaskFactory(routed=True, project=ProjectFactory(name="another"))
        for key, other in (("behind", first), ("freed", freeing)):
            operations.add_dependency(task=Task.objects.get(pk=key), depends_on=other, **ACTOR)
        operations.complete_task(task_id=freeing.pk, fence=None, owner=None, **ACTOR)

        assert deadlines(api) == {
            "deferred": ("response", "fine", 1), "freed": ("response", "fine", 2), "behind": ("completion", "fine", 5),
        }  # fmt: skip

    def test_keeps_the_house_s_promises_where_a_project_makes_none(self, api, web, settings):
        settings.SLA = {"response_time": "3h"}
        TaskFactory(id="placeless", created_at=hours_ago(1))
        TaskFactory(id="elsewhere", routed=True, created_at=hours_ago(2))
        TaskFactory(id="here", routed=True, project=web, created_at=hours_ago(2))

        assert deadlines(api, within="150m") == {
            "here": ("response", "breached", 0), "elsewhere": ("response", "fine", 1),
            "placeless": ("response", "fine", 2),
        }  # fmt: skip

    def test_shows_a_limited_key_its_own_alone(self, api, web):
        near = InstanceFactory(id="near", scope="PROJECT")
        TaskFactory(id="mine", routed=True, project=web, instance=near, created_at=hours_ago(3))
        TaskFactory(id="theirs", routed=True, project=web, created_at=hours_ago(3))

        rows = api("viewer", instances=["near"]).get("/tasks/at-risk").json()["results"]

        assert [row["id"] for row in rows] == ["mine"]
        assert api("viewer", name="b", instances=["near"]).get("/tasks/theirs/deadlines").status_code == 404

    def test_pages_without_a_gap(self, api, web):
        for n in range(5):
            TaskFactory(id=f"t{n}", routed=True, project=web, created_at=hours_ago(3 + n // 2))
        client, seen, url = api("viewer"), [], "/tasks/at-risk?page_size=2"
        while url:
            page = client.get(url.removeprefix("http://testserver")).json()
            seen += [row["id"] for row in page["results"]]
            url = page["next"]

        assert seen == ["t4", "t2", "t3", "t0", "t1"]

    @pytest.mark.parametrize("within", ["soon", "0s", "99999w"])
    def test_refuses_a_horizon_that_is_none(self, api, within):
        assert "duration" in refused(api("viewer").get("/tasks/at-risk", within=within), 400)


class TestThePlaceInTheQueue:
    def test_is_counted_in_the_order_of_claims_and_the_wait_is_told_once_known(self, api, web):
        for n, priority in enumerate(["low", "high", "medium"]):
            TaskFactory(id=f"t{n}", routed=True, project=web, priority=priority)
        TaskFactory(id="pending", project=web)
        held(project=web, priority="urgent")
        client = api("viewer")

        def future(key):
            return client.get(f"/tasks/{key}/deadlines").json()

        assert [future(key)["place"] for key in ("t0", "t1", "t2", "pending")] == [3, 1, 2, None]
        assert future("t0")["expected_wait"] is None
        done = {"status": "completed", "project": web}
        for n in range(7):
            TaskFactory(**done, finished_at=hours_ago(24 * n))
        TaskFactory(**done, finished_at=hours_ago(24 * 8))
        wait = future("t0")["expected_wait"]
        assert 2 * 86_400 < wait["p50_seconds"] < 3 * 86_400 < wait["p90_seconds"] < 6 * 86_400
        assert future("pending")["expected_wait"] is None

    @pytest.mark.parametrize(("place", "p50", "p90"), [(1, 0.693, 2.303), (10, 9.669, 14.206), (100, 99.67, 113.0)])
    def test_gives_the_quantiles_of_gamma(self, place, p50, p90):
        found = [wait / HOUR for wait in expected_wait(place, 50, 50 * HOUR)]

        assert found == pytest.approx([p50, p90], rel=0.02)

    def test_is_not_guessed_from_too_little(self):
        assert expected_wait(1, 4, HOUR) is None
        assert expected_wait(1001, 50, HOUR) is None


class TestTheDeadlinesOfATask:
    @pytest.mark.parametrize("fields", [
        {"status": "completed", "finished_at": timezone.now()}, {"status": "cancelled", "finished_at": timezone.now()},
        {"status": "failed", "failed_at": timezone.now()}, {"defer_until": NEVER - HOUR},
    ])  # fmt: skip
    def test_are_none_once_it_is_over_or_put_off_for_ever(self, api, fields):
        rules = [{"when": "due", "after": "P10000D", "do": "notify"}]
        web = ProjectFactory(sla={"response_time": "2h", "completion_time": "P10000D", "escalation": rules})
        TaskFactory(id="task", **{"routed": True, "project": web, "due_at": NEVER - HOUR / 2, **fields})

        future = api("viewer").get("/tasks/task/deadlines").json()

        assert (future["deadline"] or {}).get("kind") == ("due" if "defer_until" in fields else None)
        assert (future["next_escalation"], deadlines(api)) == (None, {})


class TestPromises:
    def test_are_read_for_each_project_above_the_house_s(self, web, settings):
        settings.SLA = {"response_time": "3h", "completion_time": "P1D"}
        ProjectFactory(name="half", sla={"completion_time": "2d"})

        found = Project.objects.promises()

        assert {name: (promised.response / HOUR, promised.completion / HOUR) for name, promised in found.items()} == {
            "web": (2, 10), "half": (3, 48), None: (3, 24),
        }  # fmt: skip


PAGE = "/admin/breaching/"


class TestThePageOfWhatIsAboutToBreach:
    def test_lists_the_least_time_left_first_with_what_escalation_did_and_does_next(self, admin_client):
        rules = [{"when": "response", "do": "notify", "to": "ada"}]
        rules += [{"when": "waiting", "after": "5h", "do": "raise_priority"}]
        web = ProjectFactory(name="web", sla={"response_time": "2h", "escalation": rules})
        for title, hours in (("Soon", 1.5), ("Late", 3), ("Far", 0.1)):
            TaskFactory(title=title, routed=True, project=web, created_at=hours_ago(hours))
        operations.escalate_tasks()

        shown = admin_client.get(PAGE, {"within": "1h", "project": "web"})
        text = shown.content.decode()

        assert [row["task"].title for row in shown.context["rows"]] == ["Late", "Soon"]
        assert shown.context["counts"] == {"all": 2, "breached": 1, "soon": 1}
        assert [row["left"] for row in shown.context["rows"]] == ["1 h late", "30 min"]
        assert "response: notify to ada" in text
        assert "Next in 2 h: waiting after 5h: raise priority" in text
        assert admin_client.get(PAGE, {"within": "nonsense", "project": "\x00"}).context["counts"]["all"] == 3

    def test_lists_the_stuck_tasks_with_what_they_wait_for(self, admin_client):
        lost, needed = TaskFactory(title="Lost"), TaskFactory(title="Contingency")
        task, fine = TaskFactory(title="Waiting in vain"), TaskFactory(title="Fine")
        for one, other, kind in (
            (task, lost, "blocks"), (task, needed, "conditional"), (fine, needed, "conditional"),
        ):  # fmt: skip
            operations.add_dependency(task=one, depends_on=other, kind=kind, **ACTOR)
        operations.cancel_task(task=lost, **ACTOR)

        shown = admin_client.get(PAGE)

        rows = [(row["task"], [wait.depends_on for wait in row["waits"]]) for row in shown.context["stuck"]]
        assert rows == [(task, [lost])]
        assert "They wait for what will not come" in shown.content.decode()

    def test_says_when_nothing_is_promised(self, admin_client):
        assert "Nothing is promised yet" in admin_client.get(PAGE).content.decode()

    def test_is_for_those_who_may_see_tasks(self, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("bob", is_staff=True))

        assert client.get(PAGE)["Location"] == "/admin/"
