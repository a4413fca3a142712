"""Vectors follow their texts, whatever happens in between."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from hopper.events.models import Delivery
from hopper.tests.commands import ask
from routing.jobs import embed_stale
from routing.models import EpisodeEmbedding, Pattern, TaskEmbedding
from routing.operations import create_pattern, embed_all, embed_waiting, route_task
from routing.operations.meaning import BATCHES_READ, SUBJECTS, Tally, text_of_pattern, text_of_task
from tasks.models import Task
from tasks.operations import change_task, create_tasks, submit_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
vector_of = TaskEmbedding.objects.of_task
LOGIN, PAYROLL = "The login page shows an error", "Payroll export has the wrong month"


def submit(title, **fields):
    return submit_task(title=title, route=False, actor="ada", **fields)


class TestTheText:
    def test_of_a_task_is_title_description_and_tags(self):
        task = Task(title="Fix it", description="Now", tags=["b", "a"])
        assert text_of_task(task) == "Fix it\nNow\nTags: b, a"

    def test_of_a_pattern_is_name_description_and_criteria(self):
        pattern = Pattern(name="Logins", tag_criteria=["auth"], text_criteria=["sign in"])
        assert text_of_pattern(pattern) == "Logins\n\nauth, sign in"


class TestATask:
    def test_gets_its_vector_from_a_delivery(self):
        task = submit(LOGIN)
        assert vector_of(task) is None
        assert embed_waiting() == 1
        assert len(vector_of(task).embedding) == 1536

    def test_that_changes_gets_another(self):
        task = submit(LOGIN)
        embed_waiting()
        before = vector_of(task)
        change_task(task=task, title=PAYROLL, actor="ada")
        embed_waiting()
        after = vector_of(task)
        assert after.content_hash != before.content_hash
        assert after.embedding != before.embedding

    def test_whose_text_stays_costs_nothing(self):
        task = submit(LOGIN)
        embed_waiting()
        before = vector_of(task)
        change_task(task=task, priority="urgent", actor="ada")
        assert embed_waiting() == 1
        assert vector_of(task).created_at == before.created_at

    def test_without_words_has_none_and_is_asked_once(self):
        task = submit("🎉")
        embed_waiting()
        assert vector_of(task) is None
        assert TaskEmbedding.objects.get().embedding is None
        assert embed_all() == 0

    def test_that_is_gone_is_passed_over(self):
        submit(LOGIN).delete()
        assert embed_waiting() == 1
        assert not TaskEmbedding.objects.exists()

    def test_that_changes_while_it_is_embedded_keeps_no_vector_of_the_old_text(self, once_after):
        task = submit(LOGIN)
        with once_after('FROM "task_embeddings"', lambda: change_task(task=task, title=PAYROLL, actor="ada")):
            embed_waiting(limit=1)
        assert vector_of(task) is None
        embed_waiting()
        assert vector_of(task).embedding == vector_of_text(PAYROLL)


def vector_of_text(title):
    task = submit(title)
    embed_waiting()
    return vector_of(task).embedding


class TestAnEpisode:
    def test_gets_the_vector_of_its_task(self):
        task = submit(LOGIN)
        route_task(task=task)
        embed_waiting()
        assert EpisodeEmbedding.objects.get().embedding == vector_of(task).embedding


class TestTheSweep:
    def test_embeds_what_no_delivery_spoke_of(self):
        call_command("loaddata", "seeds", verbosity=0)
        assert embed_all() == Task.objects.count() + Pattern.objects.count()
        assert embed_all() == 0
        assert embed_all(only_stale=False) == 0

    def test_lets_old_vectors_serve_until_the_new_ones_are_there(self):
        task = submit(LOGIN)
        embed_waiting()
        TaskEmbedding.objects.update(model="an older one")
        assert vector_of(task).model == "an older one"
        assert embed_all() == 1
        assert vector_of(task).model != "an older one"

    def test_goes_on_where_it_stopped_reading(self, settings):
        settings.EMBEDDINGS_BATCH_SIZE = 1
        TaskFactory.create_batch(BATCHES_READ + 1)
        assert embed_all() == BATCHES_READ + 1
        assert embed_all(only_stale=False, tally=(tally := Tally())) == 0
        assert tally.looked_at == BATCHES_READ + 1

    def test_asks_little_when_there_is_nothing_to_do(self, django_assert_num_queries):
        TaskFactory()
        embed_all()
        with django_assert_num_queries(2 * len(SUBJECTS)):
            assert embed_all() == 0

    def test_looks_at_new_rows_often_and_at_all_of_them_now_and_then(self):
        TaskFactory()
        TaskFactory(created_at=timezone.now() - timedelta(hours=2))
        assert [embed_stale(hours=1), embed_stale()] == [1, 1]

    def test_leaves_what_was_given_up_to_a_person(self):
        submit(LOGIN)
        Delivery.objects.update(status="dead")
        assert embed_all() == 0


class TestTheCommand:
    def test_embeds_what_waits(self):
        create_tasks(rows=[{"title": LOGIN}, {"title": PAYROLL}], actor="ada")
        assert ask("embed") == {
            "looked_at": 2, "embedded": 2, "unchanged": 0, "refused": 0, "tokens": 0, "dollars": 0.0, "waiting": 0,
        }  # fmt: skip
        assert not Delivery.objects.open().exists()

    def test_counts_what_it_built_apart_from_what_it_looked_at(self):
        submit(LOGIN)
        embed_waiting()
        answer = ask("embed", "--all")
        assert (answer["looked_at"], answer["embedded"], answer["unchanged"]) == (1, 0, 1)

    def test_embeds_rows_that_no_delivery_spoke_of_when_asked(self):
        TaskFactory.create_batch(3)
        assert [ask("embed")["embedded"], ask("embed", "--stale")["embedded"]] == [0, 3]


class TestNearest:
    @pytest.fixture
    def near(self):
        """Two tasks about logins, one about payroll, all embedded."""
        rows = [{"title": LOGIN, "id": "a"}, {"title": "An error on the login page", "id": "b"}]
        create_tasks(rows=[*rows, {"title": PAYROLL, "id": "c", "tags": ["money"]}], actor="ada")
        embed_waiting()

    def test_means_the_most_alike_first(self, near):
        own = vector_of(Task.objects.get(pk="a"))
        found = Task.objects.nearest_to(own.embedding, model=own.model)
        assert [task.pk for task in found] == ["a", "b", "c"]
        assert found[0].distance == pytest.approx(0, abs=1e-6)

    def test_compares_vectors_of_one_model_alone(self, near):
        own = vector_of(Task.objects.get(pk="a"))
        TaskEmbedding.objects.filter(task="b").update(model="another")
        assert [task.pk for task in Task.objects.nearest_to(own.embedding, model=own.model)] == ["a", "c"]

    def test_is_asked_for_over_http(self, near, api):
        answer = api().get("/tasks/a/similar").json()
        assert [row["id"] for row in answer["results"]] == ["b", "c"]
        assert 1 > answer["results"][0]["similarity"] > answer["results"][1]["similarity"]
        assert answer["waiting"] is False

    def test_keeps_to_the_filters_and_to_the_limit(self, near, api):
        assert [row["id"] for row in api().get("/tasks/a/similar", tag="money").json()["results"]] == ["c"]
        assert len(api().get("/tasks/a/similar", limit=1).json()["results"]) == 1
        assert api().get("/tasks/a/similar", limit="many").status_code == 400

    def test_says_when_the_vector_is_still_being_built(self, api):
        task = submit(LOGIN)
        assert api().get(f"/tasks/{task.pk}/similar").json() == {"waiting": True, "results": []}

    def test_waits_no_longer_for_a_task_without_words(self, api):
        task = submit("🎉")
        embed_waiting()
        assert api().get(f"/tasks/{task.pk}/similar").json() == {"waiting": False, "results": []}

    def test_finds_patterns_in_use(self, near, api):
        create_pattern(name="Login page errors", pattern_type="text", target_project="web", actor="ada")
        create_pattern(name="Login", pattern_type="text", target_project="web", is_active=False, actor="ada")
        embed_waiting()
        (found,) = api().get("/tasks/a/patterns").json()["results"]
        assert (found["name"], found["target_project"]) == ("Login page errors", "web")
        assert found["similarity"] > 0.3
