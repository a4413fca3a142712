"""Search by words and by meaning, and what Hopper remembers of similar tasks."""

import pytest
from django.core.cache import caches

from hopper.common.ranking import fuse
from hopper.tests.refusals import refused
from projects.tests.factories import ProjectFactory
from routing.operations import assign_task, embed_waiting
from routing.tests.embedders import configured_openai
from routing.tests.openai_stub import OpenAIStub, send, serving
from tasks.operations import create_tasks

pytestmark = pytest.mark.django_db
ROWS = [
    {"id": "title", "title": "The login page shows an error"},
    {"id": "body", "title": "Odd page", "description": "After the login an error is shown. " + "Nothing else. " * 30},
    {"id": "like", "title": "Logins on the pages are showing errors", "tags": ["web"]},
    {"id": "other", "title": "Payroll export has the wrong month"},
]


@pytest.fixture(autouse=True)
def _forget_questions():
    caches["questions"].clear()


@pytest.fixture
def tasks():
    rows = create_tasks(rows=ROWS, actor="ada")
    embed_waiting()
    return {task.pk: task for task in rows}


def found(client, text, **others):
    answer = client.get("/tasks/search", q=text, **others)
    assert answer.status_code == 200, answer.content
    return {row["id"]: row for row in answer.json()["results"]}


class TestFusing:
    def test_adds_up_the_reciprocal_ranks(self):
        assert fuse(["a", "b"], ["b", "c"]) == pytest.approx({"b": 1 / 62 + 1 / 61, "a": 1 / 61, "c": 1 / 62})
        assert list(fuse(["a", "b"], ["b", "c"])) == ["b", "a", "c"]

    def test_orders_what_ties_by_key(self):
        assert list(fuse(["z"], ["a"], [])) == ["a", "z"]


class TestASearch:
    """Both ways, one order."""

    def test_finds_by_words_and_by_meaning(self, api, tasks):
        rows = found(api(), "login error")
        assert {key: row["found_by"] for key, row in rows.items()} == {
            "title": ["words", "meaning"], "like": ["meaning"], "body": ["words"],
        }  # fmt: skip
        assert next(iter(rows)) == "title"
        assert rows["title"]["score"] > rows["like"]["score"]
        assert (rows["body"]["similarity"], 0.25 < rows["like"]["similarity"] < 1) == (None, True)

    def test_is_narrowed_by_the_filters_of_the_list(self, api, tasks):
        client = api()
        assert set(found(client, "login error", tag="web")) == {"like"}
        assert found(client, "login error", status="routed") == {}
        assert len(found(client, "login error", limit=1)) == 1
        refused(client.get("/tasks/search", q="login", colour="red"), 400, "colour")
        refused(client.get("/tasks/search", q="login", cursor="x"), 400, "cursor")
        refused(client.get("/tasks/search"), 400, "q")

    def test_leaves_out_what_is_ruled_out_by_meaning_too(self, api, tasks):
        assert set(found(api(), "login error -shows")) == {"body", "like"}

    def test_finds_an_id_first(self, api, tasks):
        assert next(iter(found(api(), "other"))) == "other"

    def test_shows_a_key_only_what_it_may_see(self, api, tasks):
        assign_task(task=tasks["like"], project=ProjectFactory(name="ours"), actor="ada")
        assert set(found(api(projects=["ours"]), "login error")) == {"like"}

    def test_does_with_words_while_the_provider_is_away(self, api, tasks, settings):
        with serving(OpenAIStub(16)) as stub:
            configured_openai(settings, stub)
            stub.answer = lambda handler, question: send(handler, "{}", status=500)
            answers = [api().get("/tasks/search", q="login error").json() for _ in range(2)]
        assert [(answer["meaning"], len(answer["results"])) for answer in answers] == [("unavailable", 2)] * 2
        assert len(stub.questions) == 1

    def test_asks_the_provider_once_for_the_same_question(self, api, tasks, settings):
        with serving(OpenAIStub(16)) as stub:
            configured_openai(settings, stub)
            answers = [api().get("/tasks/search", q="login error").json()["meaning"] for _ in range(2)]
        assert (answers, len(stub.questions)) == (["used"] * 2, 1)


class TestMemory:
    """Episodes of similar tasks."""

    @pytest.fixture
    def episodes(self, tasks):
        ours, theirs = ProjectFactory(name="ours"), ProjectFactory(name="theirs")
        for key, project in (("title", ours), ("body", theirs), ("like", ours)):
            assign_task(task=tasks[key], project=project, actor="ada")
        embed_waiting()

    def test_lists_the_nearest_of_other_tasks(self, api, episodes):
        answer = api().get("/memory/similar/title").json()
        assert [row["task_id"] for row in answer["results"]] == ["like", "body"]
        assert answer["results"][0].keys() >= {"outcome_success", "chosen_project", "similarity"}
        assert (answer["waiting"], len(api().get("/memory/similar/title", limit=1).json()["results"])) == (False, 1)

    def test_shows_a_key_only_what_it_may_see(self, api, episodes):
        client = api(projects=["ours"])
        assert [row["task_id"] for row in client.get("/memory/similar/title").json()["results"]] == ["like"]
        refused(client.get("/memory/similar/body"), 404)

    def test_is_narrowed_by_the_filters_of_episodes(self, api, episodes):
        assert api().get("/memory/similar/title", outcome="true").json()["results"] == []
        refused(api().get("/memory/similar/title", colour="red"), 400, "colour")
