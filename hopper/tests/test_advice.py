"""Advisers as clients of the API meet them: the sage, waiting for an answer, and advice on a task."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from hopper.tests.refusals import refused
from instances.tests.factories import InstanceFactory
from projects.models import Project
from projects.tests.factories import ProjectFactory
from routing.models import AdviserQuestion, Episode, EpisodeJudgement, TaskAdvice
from routing.operations import advise_on, advise_waiting
from routing.operations.counsel import trust_in
from routing.tests.advisers import ask_about, configured_llm, in_doubt, names
from routing.tests.openai_stub import OpenAIStub, serving
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    for name, skill in {"web": "css", "data": "sql", "best": "go"}.items():
        ProjectFactory(name=name, capabilities={"python": 3, skill: 2})
    ProjectFactory(name="infra", capabilities={"terraform": 5})


@pytest.fixture
def stub():
    with serving(OpenAIStub()) as served:
        yield served


@pytest.fixture
def model(house, settings, stub):
    """A language model that names data."""
    configured_llm(settings, stub)
    stub.says = names("data")
    return stub


@pytest.fixture
def sage(house, settings, api):
    """A client whose answers are those of the sage."""
    settings.SAGE, settings.CONSUMERS = "oracle", {"task.review_requested": ["advice"]}
    return api("operator", name="oracle")


class TestTheSage:
    def test_is_asked_by_the_queue_and_told_all_that_is_known(self, sage):
        task = ask_about(in_doubt())

        (row,) = sage.get("/review").json()["results"]
        told = sage.get(f"/review/{row['id']}").json()

        assert told["task"]["id"] == task.pk
        assert {place["project"] for place in told["candidates"]} == {"web", "data", "best"}
        assert sum(told["filtered"].values()) == 1
        (question,) = told["questions"]
        assert (question["adviser"], question["model"], question["state"]) == ("sage", "oracle", "asked")
        asked = AdviserQuestion.objects.get()
        assert asked.deadline - asked.asked_at == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))

    def test_has_its_word_weighed_and_judged_like_any_other(self, sage, api):
        task = ask_about(in_doubt())

        made = sage.post(f"/review/{task.pk}", project="data", confidence=0.9, reason="I know\nthem").json()

        assert (made["project"], made["decided_by"], made["outcome"]) == ("data", "sage", "routed")
        assert made["confidence"] < 0.9
        assert Episode.objects.filter(task=task, strategy="sage").exists()
        assert not EpisodeJudgement.objects.exists()  # nobody said yet that it is right
        before = trust_in("sage", "oracle")
        api().post(f"/tasks/{task.pk}/feedback", was_good_match=False, should_have_routed_to="web")
        assert trust_in("sage", "oracle") < before
        assert AdviserQuestion.objects.get().reason == "I know them"

    def test_may_say_that_it_cannot_tell(self, sage):
        task = ask_about(in_doubt())

        assert sage.post(f"/review/{task.pk}").json()["outcome"] == "abstained"
        assert AdviserQuestion.objects.get().state == "abstained"

    def test_may_answer_unasked_and_change_its_mind_while_there_is_doubt(self, sage):
        task = in_doubt()

        sage.post(f"/review/{task.pk}", project="web", confidence=0.1)
        made = sage.post(f"/review/{task.pk}", project="data").json()

        assert (made["project"], AdviserQuestion.objects.count()) == ("data", 1)

    def test_cannot_send_a_task_where_it_cannot_go(self, sage):
        task = ask_about(in_doubt())

        assert "infra cannot take this task" in refused(sage.post(f"/review/{task.pk}", project="infra"), 400)
        assert refused(sage.post(f"/review/{task.pk}", instance="x"), 400)

    def test_is_done_without_when_its_time_is_up(self, sage, api):
        task = ask_about(in_doubt())

        advise_waiting(now=timezone.now() + timedelta(hours=2))

        assert AdviserQuestion.objects.get().state == "expired"
        answered = api("operator").post(f"/review/{task.pk}", project="web").json()
        assert (answered["project"], answered["decided_by"]) == ("web", "human")

    def test_is_overtaken_by_a_person_who_was_quicker(self, sage, api):
        task = ask_about(in_doubt())
        api("operator").post(f"/review/{task.pk}", project="web")

        advise_waiting(now=timezone.now() + timedelta(hours=2))

        assert AdviserQuestion.objects.get().state == "overtaken"

    def test_is_not_asked_while_the_language_model_is_still_being_asked(self, settings, model):
        settings.SAGE = "oracle"
        task = ask_about(in_doubt())
        AdviserQuestion.objects.update(state="asked", choice=None)  # as if its worker were still at it
        Task.objects.filter(pk=task.pk).update(status="pending", project=None, review_required=True)

        advise_on(task=Task.objects.get(pk=task.pk))

        assert [question.adviser for question in AdviserQuestion.objects.all()] == ["llm"]

    def test_comes_after_the_language_model(self, settings, model, api):
        settings.SAGE = "oracle"
        model.says = lambda data: {"choice": "abstain", "confidence": 0.5, "reason": ""}

        ask_about(in_doubt())

        assert sorted(AdviserQuestion.objects.values_list("adviser", "state")) == [
            ("llm", "abstained"), ("sage", "asked"),
        ]  # fmt: skip

    def test_answers_for_itself_alone(self, sage, api):
        task = ask_about(in_doubt())

        assert refused(api("operator").post(f"/review/{task.pk}", project="web", confidence=1.0), 400)
        assert refused(sage.post(f"/review/{TaskFactory().pk}", project="web"), 409)


class TestTheDossier:
    def test_hides_from_a_limited_key_what_lies_beyond(self, model, api):
        there = InstanceFactory(id="there")
        Project.objects.filter(pk="web").update(instance=there)
        task = in_doubt()
        Task.objects.filter(pk=task.pk).update(instance=there)
        AdviserQuestion.objects.create(
            task=task, adviser="llm", model="m", about="a", dossier="d", asked_at=timezone.now(), state="answered",
            deadline=timezone.now(), choice="data", reason="like zebra",
        )  # fmt: skip

        told = api("viewer", instances=["there"]).get(f"/review/{task.pk}").json()

        assert "zebra" not in str(told)
        assert "data" not in {place["project"] for place in told["candidates"]}
        assert (told["neighbours"], told["filtered"]) == ([], {})


class TestRoutingThatWaits:
    def test_answers_with_the_decision_of_the_adviser(self, model, api):
        task = TaskFactory(title="Which?", required_capabilities={"python": 3})

        shown = api().post(f"/tasks/{task.pk}/route?wait=5").json()

        assert (shown["status"], shown["decision"]["decided_by"]) == ("routed", "llm")

    def test_waits_for_nobody_otherwise(self, model, api):
        task = TaskFactory(title="Which?", required_capabilities={"python": 3})

        shown = api().post(f"/tasks/{task.pk}/route").json()

        assert (shown["status"], model.questions) == ("pending", [])

    @pytest.mark.parametrize("wait", ["11", "-1", "a", "", "1.5", "٣"])
    def test_refuses_another_number_of_seconds(self, api, wait):
        assert refused(api().post(f"/tasks/{TaskFactory().pk}/route?wait={wait}"), 400)

    def test_is_refused_with_a_key(self, api):
        assert refused(api().post(f"/tasks/{TaskFactory().pk}/route?wait=5", once="a"), 400)


SAID = {
    "tags": {"tags": ["Security", "tls"]}, "effort": {"effort": "1 day"},
    "subtasks": {"subtasks": [{"title": "Find them", "description": ""}, {"title": "Renew", "description": "all"}]},
}  # fmt: skip


class TestAdviceOnATask:
    @pytest.fixture
    def task(self, model):
        model.says = lambda data: {}  # replaced by the kind that is asked for
        model.spoil = self.by_kind(model)
        return TaskFactory(id="t", title="Rotate", tags=["ops"], routed=True, project_id="web")

    @staticmethod
    def by_kind(model):
        def spoil(answer):
            kind = model.questions[-1]["response_format"]["json_schema"]["schema"]["required"][0]
            answer["choices"][0]["message"]["content"] = json.dumps(SAID[kind])
            return answer

        return spoil

    def advice_of(self, client):
        return {row["kind"]: row for row in client.get("/tasks/t/advice").json()["results"]}

    def test_is_made_soon_and_changes_nothing_by_itself(self, task, model, api):
        client = api()
        asked = client.post("/tasks/t/advice", kinds=["tags", "effort", "subtasks"])
        assert asked.status_code == 201
        assert ({row["state"] for row in asked.json()["results"]}, model.questions) == ({"asked"}, [])

        advise_waiting()

        shown = self.advice_of(client)
        assert shown["tags"]["content"] == {"tags": ["security", "tls"]}
        assert shown["effort"]["content"] == {"effort": "1 day"}
        assert [part["title"] for part in shown["subtasks"]["content"]["subtasks"]] == ["Find them", "Renew"]
        task.refresh_from_db()
        assert (task.tags, task.estimated_effort, task.subtasks.count()) == (["ops"], None, 0)

    def test_that_is_accepted_changes_the_task_as_a_person_would(self, task, api):
        client = api()
        client.post("/tasks/t/advice", kinds=["tags", "effort", "subtasks"])
        advise_waiting()

        for kind, row in self.advice_of(client).items():
            settled = client.post(f"/tasks/t/advice/{row['id']}", verdict="accept")
            assert (settled.status_code, settled.json()["state"]) == (200, "accepted"), kind

        task.refresh_from_db()
        assert (task.tags, task.estimated_effort) == (["ops", "security", "tls"], "1 day")
        assert [part.title for part in task.subtasks.order_by("title")] == ["Find them", "Renew"]

    def test_that_is_dismissed_leaves_the_task_alone(self, task, api):
        client = api()
        client.post("/tasks/t/advice", kinds=["tags"])
        advise_waiting()
        path = f"/tasks/t/advice/{self.advice_of(client)['tags']['id']}"

        assert client.post(path, verdict="dismiss").json()["state"] == "dismissed"
        assert "waits for nobody" in refused(client.post(path, verdict="accept"), 409)
        task.refresh_from_db()
        assert task.tags == ["ops"]

    def test_is_asked_for_once_while_it_is_open(self, task, api):
        client = api()
        client.post("/tasks/t/advice", kinds=["tags", "tags"])
        client.post("/tasks/t/advice", kinds=["tags"])

        assert TaskAdvice.objects.count() == 1

    def test_is_answered_on_the_page_of_the_task(self, task, api, admin_client):
        api().post("/tasks/t/advice", kinds=["tags", "effort"])
        advise_waiting()
        tags, effort = TaskAdvice.objects.order_by("-kind")
        page = admin_client.get(reverse("admin:tasks_task_change", args=["t"]))
        assert page.content.decode().count(">Accept</button>") == 2

        admin_client.post(reverse("settle-advice", args=[tags.pk]), {"verdict": "accept"})
        answer = admin_client.post(reverse("settle-advice", args=[effort.pk]), {"verdict": "dismiss"}, follow=True)

        assert "The advice was dismissed." in answer.content.decode()
        task.refresh_from_db()
        assert (task.tags, task.estimated_effort) == (["ops", "security", "tls"], None)
        again = admin_client.post(reverse("settle-advice", args=[tags.pk]), {"verdict": "accept"}, follow=True)
        assert "waits for nobody" in again.content.decode()

    def test_is_answered_by_those_alone_who_may_change_tasks(self, task, api, client, django_user_model):
        api().post("/tasks/t/advice", kinds=["tags"])
        advise_waiting()
        client.force_login(django_user_model.objects.create_user("eve", is_staff=True))

        client.post(reverse("settle-advice", args=[TaskAdvice.objects.get().pk]), {"verdict": "accept"})

        assert TaskAdvice.objects.get().state == "proposed"

    def test_has_failed_if_the_model_gives_none(self, task, model, api):
        model.spoil = lambda answer: answer
        client = api()
        client.post("/tasks/t/advice", kinds=["tags"])

        advise_waiting()

        assert self.advice_of(client)["tags"]["state"] == "failed"

    def test_needs_a_language_model_and_a_task_that_may_leave(self, task, settings, api):
        home = InstanceFactory(id="home", scope="PERSONAL", config={"owner": "ada"})
        Task.objects.filter(pk="t").update(instance=home)
        assert "PERSONAL" in refused(api().post("/tasks/t/advice", kinds=["tags"]), 409)
        settings.LLM_MODEL = ""
        assert "LLM_MODEL" in refused(api().post("/tasks/t/advice", kinds=["tags"]), 409)
        assert refused(api().post("/tasks/t/advice", kinds=["poem"]), 400)
        assert refused(api().post("/tasks/t/advice/unknown", verdict="accept"), 404)
