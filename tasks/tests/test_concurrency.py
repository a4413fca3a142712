import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from django.conf import settings

from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory

TASKS = 20


def race(url, **keys):
    """Start the claimers together and return their answers."""
    ran = subprocess.Popen(
        [sys.executable, "-m", "tasks.tests.claimer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "hopper.settings"}, cwd=settings.BASE_DIR,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = ran.communicate(json.dumps(keys), timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(ran.pid, signal.SIGKILL)  # the claimers too: they hold the pipe that is read here
        raise
    assert ran.returncode == 0
    return json.loads(said)


@pytest.mark.processes
class TestManyClaimers:
    """Eight processes want the same twenty tasks."""

    @pytest.mark.untraced
    def test_share_each_task_when_the_claim_is_naive_and_never_when_it_is_ours(self, shared_url, rows_of):
        project = ProjectFactory()
        naive, guarded = ([f"{way}-{n}" for n in range(TASKS)] for way in ("naive", "guarded"))
        for key in [*naive, *guarded]:
            TaskFactory(id=key, routed=True, project=project)

        answers = race(shared_url(), naive=naive, guarded=guarded)

        winners = Counter(key for answer in answers for key in answer["naive"])
        assert max(winners.values()) > 1, "the harness does not race"
        winners = Counter((key, fence) for answer in answers for key, fence in answer["guarded"])
        assert winners == {(key, 1): 1 for key in guarded}
        owners = {key: answer["owner"] for answer in answers for key, _ in answer["guarded"]}
        assert dict(rows_of("SELECT id, lease_owner FROM tasks WHERE id LIKE 'guarded-%'")) == owners
        assert dict(rows_of("SELECT task_id, owner FROM task_claims")) == owners
        assert dict(rows_of("SELECT aggregate_id, actor FROM events WHERE type = 'task.claimed'")) == owners
