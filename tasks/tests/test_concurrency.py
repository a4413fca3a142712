from collections import Counter

import pytest

from hopper.tests.race import race
from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory

TASKS = 20


@pytest.mark.processes
class TestManyClaimers:
    """Eight processes want the same twenty tasks."""

    @pytest.mark.untraced
    def test_share_each_task_when_the_claim_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        project = ProjectFactory()
        naive, guarded = ([f"{way}-{n}" for n in range(TASKS)] for way in ("naive", "guarded"))
        for key in [*naive, *guarded]:
            TaskFactory(id=key, routed=True, project=project)

        answers = race("tasks.tests.claimer", shared_url(), naive=naive, guarded=guarded)

        winners = Counter(key for answer in answers for key in answer["naive"])
        assert max(winners.values()) > 1, "the harness does not race"
        winners = Counter((key, fence) for answer in answers for key, fence in answer["guarded"])
        assert winners == {(key, 1): 1 for key in guarded}
        owners = {key: answer["owner"] for answer in answers for key, _ in answer["guarded"]}
        assert dict(rows_of("SELECT id, lease_owner FROM tasks WHERE id LIKE 'guarded-%'")) == owners
        assert dict(rows_of("SELECT task_id, owner FROM task_claims")) == owners
        assert dict(rows_of("SELECT aggregate_id, actor FROM events WHERE type = 'task.claimed'")) == owners
