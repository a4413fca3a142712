"""Executors in processes of their own, speaking HTTP: many at once, killed, and stopped beyond their lease."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection

from hopper.common.keys import create_key
from hopper.tests.caller import Caller
from hopper.tests.processes import Processes, wait_until
from projects.tests.factories import ProjectFactory
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = [pytest.mark.processes, pytest.mark.untraced]

CLAIMERS, TASKS, NAIVE_TASKS = 50, 1000, 20


def store(prefix, count):
    """Store routed tasks and return their keys, in the order of claims."""
    project = ProjectFactory()
    rows = [TaskFactory.build(id=f"{prefix}-{n:04}", status="routed", project=project) for n in range(count)]
    return [task.pk for task in Task.objects.bulk_create(rows)]


@pytest.fixture
def processes(shared_url):
    """Programs on one database, with the naive addresses beside Hopper's own."""
    running = Processes(DJANGO_SETTINGS_MODULE="hopper.tests.naive_settings", REAP_SECONDS="1", SLOW_QUERY_MS="0")
    yield running
    running.kill_all()


@pytest.fixture
def serve(processes, shared_url):
    """Serve the rows of the test; return a caller."""

    def start(workers=1):
        _, key = create_key(name="fleet", role="operator")
        processes.environment["DATABASE_URL"] = shared_url()
        return Caller(processes.web(workers=workers), key)

    return start


def claim_all(call, path, number):
    """Claim one to ten at a time until nothing is left; return the ids."""
    won = []
    while True:
        status, answer = call("POST", path, executor=f"claimer-{number}", limit=1 + number % 10)
        assert status == 200, answer
        if not answer["claims"]:
            return won
        won += [claim["task"]["id"] for claim in answer["claims"]]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer: test_concurrency.py")
class TestFiftyClaimers:
    """They want the same thousand tasks, by HTTP, of two web processes."""

    def test_share_tasks_when_the_claim_is_naive_and_never_when_it_is_ours(self, serve):
        naive = store("naive", NAIVE_TASKS)
        call = serve(workers=2)

        assert max(self.winners(call, "/naive/claim-next").values()) > 1, "the harness does not race"
        assert Task.objects.filter(pk__in=naive, status="claimed").count() == NAIVE_TASKS
        guarded = store("guarded", TASKS)
        assert self.winners(call, "/tasks/claim-next") == Counter(guarded)
        assert set(Task.objects.filter(pk__in=guarded).values_list("fence", "status")) == {(1, "claimed")}

    def winners(self, call, path):
        with ThreadPoolExecutor(CLAIMERS) as pool:
            won = pool.map(lambda number: claim_all(call, path, number), range(CLAIMERS))
            return Counter(key for keys in won for key in keys)


class TestAnExecutor:
    """It holds its task for as long as it lives: a lease of a second, kept alive by heartbeats."""

    @pytest.fixture
    def call(self, serve):
        store("task", 3)
        return serve()

    @pytest.fixture
    def executor(self, processes, call):
        """Start an executor and wait until it holds a task; return the process and the id."""

        def start(name, completing="/tasks/{}/complete"):
            secret = call.headers["Authorization"].removeprefix("Bearer ")
            program = processes.start(
                sys.executable, "-m", "tasks.tests.executor", call.address, secret, name, completing,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            return program, program.stdout.readline().strip()

        return start

    def test_that_is_killed_or_stopped_loses_its_task_and_cannot_complete_it(self, call, executor, processes, rows_of):
        killed, first = executor("killed")
        stopped, second = executor("stopped")
        careless, third = executor("careless", "/naive/{}/complete")
        assert (first, second, third) == ("task-0000", "task-0001", "task-0002")

        processes.kill(killed)
        wait_until(lambda: is_expired(call, first), "the end of its lease")
        assert self.taken(call) == {}, "it comes back without a reaper: nothing is shown"
        processes.start(sys.executable, "manage.py", "relay")
        assert wait_until(lambda: self.taken(call), "the killed one's task") == {first: 3}
        for program in (stopped, careless):
            os.kill(program.pid, signal.SIGSTOP)
        fences = {}
        wait_until(lambda: fences.update(self.taken(call)) or len(fences) == 2, "the stopped ones' tasks")

        assert self.complete_late(careless) == (200, None)
        assert self.complete_late(stopped) == (409, "lease_lost")
        answers = [self.complete(call, key, fence) for key, fence in sorted({**fences, first: 3}.items())]
        assert answers == [200, 200, 409]
        results = {key: json.loads(result) for key, result in rows_of("SELECT id, CAST(result AS text) FROM tasks")}
        assert results == {first: {"by": "heir"}, second: {"by": "heir"}, third: {"by": "careless"}}

    def taken(self, call):
        """Claim what is free for another executor; return the fences by id."""
        _, answer = call("POST", "/tasks/claim-next", executor="heir", limit=5)
        return {claim["task"]["id"]: claim["fence"] for claim in answer["claims"]}

    def complete(self, call, key, fence):
        status, _ = call("POST", f"/tasks/{key}/complete", executor="heir", fence=fence, result={"by": "heir"})
        return status

    def complete_late(self, program):
        """Let a stopped executor go on and complete; return what it was answered with."""
        os.kill(program.pid, signal.SIGCONT)
        said, _ = program.communicate("go on\n", timeout=60)
        status, answer = json.loads(said)
        return status, answer.get("code")


def is_expired(call, key):
    _, task = call("GET", f"/tasks/{key}")
    return datetime.fromisoformat(task["lease_until"]) < datetime.now(UTC)
