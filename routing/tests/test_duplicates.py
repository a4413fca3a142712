"""A task that repeats another is pointed out, and a person decides."""

import pytest
from django.urls import reverse
from django.utils import timezone

from hopper.events.models import Delivery, Event
from hopper.tests.refusals import nothing_stored, refused
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Duplicate
from routing.operations import assign_task, embed_waiting
from tasks.models import Task
from tasks.operations import cancel_task, change_task, submit_task
from tasks.tests.steps import kinds

pytestmark = pytest.mark.django_db
TEXT = "The login page shows an error after the second try"


def submit(key, title=TEXT, **fields):
    return submit_task(id=key, title=title, route=False, actor="ada", **fields)


def hints():
    return {(hint.task_id, hint.original_id, hint.status) for hint in Duplicate.objects.all()}


@pytest.fixture
def twins():
    """Two tasks of the same text, the second with its hint."""
    first, second = submit("first"), submit("second")
    embed_waiting()
    return first, second


class TestTheWorker:
    """It looks when it has built a vector."""

    def test_points_to_the_earlier_of_two(self, twins):
        assert hints() == {("second", "first", "suggested")}
        assert Duplicate.objects.get().similarity == 1.0
        assert kinds(twins[1])[-1] == "task.duplicate_suggested"
        assert Event.objects.get(type="task.duplicate_suggested").payload == {"similarity": 1.0}

    def test_finds_nearly_the_same_words(self, settings):
        settings.DUPLICATE_SIMILARITY = 0.8
        submit("first")
        submit("second", title=f"{TEXT}!!! Please")
        submit("other", title="Payroll export has the wrong month")
        embed_waiting()
        assert hints() == {("second", "first", "suggested")}
        assert 0.8 < Duplicate.objects.get().similarity < 1

    def test_passes_over_what_is_over(self):
        cancel_task(task=submit("first"), actor="ada")
        submit("second")
        embed_waiting()
        assert hints() == set()

    def test_asks_again_once_the_text_has_changed(self, twins):
        change_task(task=twins[1], title="Payroll export has the wrong month", actor="ada")
        embed_waiting()
        assert hints() == set()

    def test_looks_in_the_same_place_alone(self):
        root = InstanceFactory(scope="GLOBAL")
        ours, theirs = (ProjectFactory(name=name, instance=InstanceFactory(parent=root)) for name in ("ours", "theirs"))
        for key, project in (("first", theirs), ("second", ours), ("third", ours)):
            assign_task(task=submit(key), project=project, actor="ada")
        embed_waiting()
        assert hints() == {("third", "second", "suggested")}

    def test_sets_nothing_beside_what_is_personal(self):
        home = InstanceFactory(scope="PERSONAL", parent=InstanceFactory(scope="GLOBAL"), config={"owner": "ada"})
        assign_task(task=submit("first"), instance=home, actor="ada")
        submit("second")
        embed_waiting()
        assert hints() == set()

    def test_that_dies_before_it_has_looked_looks_when_the_delivery_comes_again(self, once_after):
        def die():
            raise SystemExit

        submit("first"), submit("second")
        with pytest.raises(SystemExit), once_after('"task_duplicates"', die):
            embed_waiting()
        Delivery.objects.filter(status="leased").update(lease_until=timezone.now())
        assert (hints(), embed_waiting()) == (set(), 2)
        assert hints() == {("second", "first", "suggested")}

    def test_forgets_with_either_of_the_two(self, twins):
        twins[0].delete()
        assert hints() == set()


class TestTheAnswer:
    """Of a person, over HTTP."""

    def test_cancels_what_is_confirmed(self, api, twins):
        answer = api().post("/tasks/second/duplicate", verdict="confirm")
        assert answer.json()["duplicate_of"] == {"id": "first", "title": TEXT, "similarity": 1.0, "status": "confirmed"}
        assert Task.objects.get(pk="second").status == "cancelled"
        assert kinds(twins[1])[-2:] == ["task.duplicate_confirmed", "task.cancelled"]
        assert Event.objects.get(type="task.cancelled").payload == {"reason": "duplicate of first"}

    def test_leaves_what_is_over_as_it_is(self, api, twins):
        cancel_task(task=twins[1], actor="ada")
        assert api().post("/tasks/second/duplicate", verdict="confirm").status_code == 200
        assert kinds(twins[1])[-1] == "task.duplicate_confirmed"

    def test_keeps_what_is_dismissed_while_the_text_is_the_same(self, api, twins):
        api().post("/tasks/second/duplicate", verdict="dismiss")
        change_task(task=twins[1], description="More words", actor="ada")
        change_task(task=Task.objects.get(pk="second"), description="", actor="ada")
        embed_waiting()
        assert (hints(), kinds(twins[1])[-1]) == ({("second", "first", "dismissed")}, "task.changed")
        change_task(task=Task.objects.get(pk="second"), title=TEXT.upper(), actor="ada")
        embed_waiting()
        assert hints() == {("second", "first", "suggested")}

    def test_is_wanted_once(self, api, twins):
        client = api()
        client.post("/tasks/second/duplicate", verdict="dismiss")
        with nothing_stored():
            refused(client.post("/tasks/second/duplicate", verdict="confirm"), 409)
            refused(client.post("/tasks/first/duplicate", verdict="confirm"), 409)
            refused(client.post("/tasks/second/duplicate", verdict="maybe"), 400, "verdict")


class TestATask:
    """Says what it may repeat, to whom may see that."""

    def test_says_so_when_it_is_submitted_in_the_very_same_words(self, api, twins):
        made = api().post("/tasks?route=false", title=TEXT).json()
        assert made["duplicate_of"] == {"id": "first", "title": TEXT, "similarity": 1.0, "status": "suggested"}
        assert api().post("/tasks?route=false", title="Something else").json()["duplicate_of"] is None

    def test_is_listed_by_it(self, api, twins):
        found = {word: api().get("/tasks", duplicate=word).json()["results"] for word in ("true", "false")}
        assert {word: [row["id"] for row in rows] for word, rows in found.items()} == {
            "true": ["second"], "false": ["first"],
        }  # fmt: skip

    def test_hides_what_the_key_may_not_see(self, api):
        ours, theirs = ProjectFactory(name="ours"), ProjectFactory(name="theirs")
        for key in ("first", "second"):
            submit(key)
        embed_waiting()
        assign_task(task=Task.objects.get(pk="first"), project=theirs, actor="ada")
        assign_task(task=Task.objects.get(pk="second"), project=ours, actor="ada")
        client = api("operator", projects=["ours"])
        assert api().get("/tasks/second").json()["duplicate_of"]["id"] == "first"
        assert client.get("/tasks/second").json()["duplicate_of"] is None
        refused(client.post("/tasks/second/duplicate", verdict="confirm"), 409)


class TestTheAdmin:
    """The notice on the task's page, and in the review queue."""

    def test_shows_the_hint_and_takes_the_answer(self, admin_client, twins):
        Task.objects.filter(pk="second").update(review_required=True)
        shown = [reverse("admin:tasks_task_change", args=["second"]), reverse("review-queue")]
        assert ["Perhaps a duplicate" in admin_client.get(page).content.decode() for page in shown] == [True, True]
        assert "It is no duplicate, then." in self.answer(admin_client, "dismiss")
        assert "Nothing is suggested here" in self.answer(admin_client, "confirm")
        assert ["Perhaps a duplicate" in admin_client.get(page).content.decode() for page in shown] == [False, False]

    @staticmethod
    def answer(client, verdict):
        page = client.post(reverse("settle-duplicate", args=["second"]), {"verdict": verdict}, follow=True)
        return page.content.decode()

    def test_takes_no_answer_from_who_may_not_change_tasks(self, client, django_user_model, twins):
        client.force_login(django_user_model.objects.create_user("eve", is_staff=True))
        self.answer(client, "confirm")
        assert hints() == {("second", "first", "suggested")}
