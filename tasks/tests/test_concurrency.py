from collections import Counter

import pytest

from hopper.tests.race import race
from projects.tests.factories import ProjectFactory
from tasks.models import Task
from tasks.tests.factories import TaskFactory
from tasks.tests.linkers import SESSIONS

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

TASKS = 100
ROUNDS = {"naive": 5, "guarded": 150}


class TestManyClaimers:
    """Eight processes want the same tasks."""

    def test_share_tasks_when_the_claim_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        project = ProjectFactory()
        naive, guarded = ([f"{way}-{n:03}" for n in range(TASKS)] for way in ("naive", "guarded"))
        Task.objects.bulk_create(
            TaskFactory.build(id=key, status="routed", project=project) for key in [*naive, *guarded]
        )

        answers = race("tasks.tests.claimer", shared_url(), naive=naive, guarded=guarded)

        winners = Counter(key for answer in answers for key in answer["naive"])
        assert max(winners.values()) > 1, "the harness does not race"
        winners = Counter((key, fence) for answer in answers for key, fence in answer["guarded"])
        assert winners == {(key, 1): 1 for key in guarded}
        owners = {key: answer["owner"] for answer in answers for key, _ in answer["guarded"]}
        assert dict(rows_of("SELECT id, lease_owner FROM tasks WHERE id LIKE 'guarded-%'")) == owners
        assert dict(rows_of("SELECT task_id, owner FROM task_claims")) == owners
        assert dict(rows_of("SELECT aggregate_id, actor FROM events WHERE type = 'task.claimed'")) == owners


class TestSixLinkers:
    """Six sessions each add one edge of the same circle of dependencies."""

    def test_close_circles_when_the_check_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        rounds = [f"{way}-{n}" for way, count in ROUNDS.items() for n in range(count)]
        Task.objects.bulk_create(TaskFactory.build(id=f"{one}-{n}") for one in rounds for n in range(SESSIONS))

        linked = race("tasks.tests.linkers", shared_url(), **ROUNDS)

        waits = rows_of("SELECT task_id FROM task_dependencies")
        edges = Counter(task.rpartition("-")[0] for (task,) in waits)
        assert max(edges[one] for one in rounds if one.startswith("naive")) == SESSIONS, "the harness does not race"
        assert {edges[one] for one in rounds if one.startswith("guarded")} == {SESSIONS - 1}
        assert sum(linked) == ROUNDS["guarded"] * (SESSIONS - 1)
