from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projects.tests.factories import ProjectFactory
from routing.models import Decision
from routing.operations import assign_task, route_task
from routing.operations.working import recent_decisions, recent_places
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
TIES = {"conversation_id": "chat-1", "owner": "bob"}
GONE = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}


@pytest.fixture
def places():
    return {name: ProjectFactory(name=name, capabilities={"python": 3}) for name in ("web", "data")}


@pytest.fixture
def first(places, run_jobs):
    """A task of a conversation that a person has sent to data."""
    task = TaskFactory(**TIES)
    run_jobs(assign_task, task=task, project=places["data"], actor="ada")
    return task


class TestRecentPlaces:
    def test_are_kept_by_conversation_parent_and_owner(self, first, django_assert_num_queries):
        with django_assert_num_queries(0):
            found = recent_places(conversation="chat-1", parent=first.pk, owner="bob")

        assert found == dict.fromkeys(("conversation", "parent", "owner"), "data")

    def test_are_the_same_after_the_cache_was_lost(self, first, settings):
        asked = {"conversation": "chat-1", "parent": first.pk, "owner": "bob"}
        kept = recent_places(**asked)
        caches["working"].clear()

        assert recent_places(**asked) == kept

    def test_are_the_same_while_redis_is_away(self, first, places, settings, run_jobs):
        settings.CACHES = {**settings.CACHES, "working": GONE}

        assert recent_places(conversation="chat-1") == {"conversation": "data"}
        run_jobs(assign_task, task=TaskFactory(**TIES), project=places["web"], actor="ada")
        assert recent_places(conversation="chat-1") == {"conversation": "web"}

    def test_expire(self, first):
        caches["working"].clear()
        Decision.objects.update(decided_at=timezone.now() - timedelta(minutes=61))

        assert recent_places(conversation="chat-1", owner="bob", parent=first.pk) == {"parent": "data"}

    def test_are_none_for_what_belongs_to_nothing(self, first, django_assert_num_queries):
        with django_assert_num_queries(0):
            assert recent_places() == {}
        assert recent_places(conversation="another", owner="eve", parent="unknown") == {}


class TestRecentDecisions:
    def test_are_listed_newest_first(self, first, places, run_jobs):
        second = TaskFactory()
        run_jobs(assign_task, task=second, project=places["web"], actor="ada")

        assert [(one["task"], one["project"]) for one in recent_decisions()] == [
            (second.pk, "web"), (first.pk, "data"),
        ]  # fmt: skip


class TestAffinity:
    def test_sends_a_task_after_its_conversation(self, first):
        task = TaskFactory(required_capabilities={"python": 3}, parent=first, **TIES)

        decision = route_task(task=task)

        assert decision.project_id == "data"
        assert "the same conversation went there" in decision.reasoning
        assert decision.episode.decision_factors["odds"]["data"]["affinity"] == pytest.approx(2.2)

    def test_settles_nothing_by_itself(self, first):
        assert route_task(task=TaskFactory(parent=first, **TIES)).outcome == "abstained"

    def test_costs_no_question_for_a_task_that_belongs_to_nothing(self, first, places):
        alone, together = TaskFactory(), TaskFactory(conversation_id="new")
        route_task(task=TaskFactory())

        counts = []
        for task in (alone, together):
            with CaptureQueriesContext(connection) as seen:
                route_task(task=task)
            counts.append(len(seen))

        assert counts[1] == counts[0] + 1
