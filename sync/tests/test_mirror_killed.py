"""Neo4j away, then back while relays are killed in the middle of their work: the graph shows the rows."""

import json
import os
import signal
import sys
from random import Random

import pytest

from hopper.common.keys import create_key
from hopper.tests.caller import Caller
from hopper.tests.commands import manage
from hopper.tests.processes import children_of, start_redis, wait_until
from instances.operations import create_instance
from sync.graph.neo4j.driver import run
from sync.graph.neo4j.statements import CONSTRAINTS
from sync.tests.carrier import WORKERS
from tasks.models import Task
from tasks.operations import add_dependency, change_task, create_tasks, delete_task

pytestmark = [pytest.mark.neo4j, pytest.mark.processes, pytest.mark.untraced]

EVENTS, TASKS, KILLS = 1000, 100, 12
OPEN = "SELECT COUNT(*) FROM deliveries WHERE consumer = 'graph' AND status IN ('pending', 'leased')"
DONE = "SELECT COUNT(*) FROM deliveries WHERE consumer = 'graph' AND status = 'done'"
FAILED = "SELECT COUNT(*) FROM deliveries WHERE consumer = 'graph' AND (status = 'dead' OR attempts > 2 * {})"


@pytest.fixture
def thousand_events(transactional_db, news_for_the_graph):
    """Write a thousand events on a hundred tasks, some of which end, while nobody carries them."""
    chance = Random(8)
    create_instance(id="top", name="Top", scope="GLOBAL", actor="ada")
    create_tasks(rows=[{"id": f"t{n}", "title": f"Task {n}", "tags": ["api"]} for n in range(TASKS)], actor="ada")
    for number in range(EVENTS - TASKS - 1):
        task = Task.objects.get(pk=f"t{chance.randrange(TASKS // 2)}")
        if number % 10 == 0 and not task.waits_for.exists():
            add_dependency(task=task, depends_on=Task.objects.get(pk=f"t{TASKS // 2 + number % 40}"), actor="ada")
        else:
            change_task(task=task, title=f"Title {number}", tags=[f"tag{chance.randrange(9)}", "api"], actor="ada")
    for number in range(5):
        delete_task(task=Task.objects.get(pk=f"t{TASKS - 1 - number}"), actor="ada")


def carriers(processes):
    """Start processes that do nothing but carry, as relays and workers would; return what keeps their number."""
    program = processes.start(sys.executable, "-m", "sync.tests.carrier")
    wait_until(lambda: len(children_of(program.pid)) == WORKERS, "the carriers")
    return program


def reconcile(processes, url):
    """Run the check as a program; return its status and what it found."""
    run = manage("graph", "reconcile", "--json", url=url, NEO4J_URL=processes.environment["NEO4J_URL"])
    return run.returncode, json.loads(run.stdout.splitlines()[-1])


class TestAnOutageAndTwelveKills:
    def test_leave_the_graph_as_the_rows_are(
        self, processes, thousand_events, shared_url, rows_of, empty_neo4j, neo4j_url
    ):  # fmt: skip
        url = processes.environment["DATABASE_URL"] = shared_url()
        processes.environment["NEO4J_URL"] = "bolt://127.0.0.1:1"
        waiting = rows_of(OPEN)[0][0]
        program = carriers(processes)
        wait_until(lambda: rows_of("SELECT COUNT(*) FROM outages")[0][0], "the outage to be noted")
        processes.kill(program)

        for name in CONSTRAINTS:  # as of a new server: several carriers meet there and make them
            run(f"DROP CONSTRAINT {name} IF EXISTS")
        processes.environment["NEO4J_URL"] = neo4j_url
        program = carriers(processes)
        for kill in range(KILLS):
            seen = rows_of(DONE)[0][0]
            if seen < waiting - 10:
                wait_until(lambda seen=seen: rows_of(DONE)[0][0] > seen, f"progress before kill {kill + 1}")
            os.kill(children_of(program.pid)[0], signal.SIGKILL)  # the oldest
        wait_until(lambda: not rows_of(OPEN)[0][0], "everything to be carried")

        status, answer = reconcile(processes, url)
        assert (status, answer["by_kind"], answer["skipped"]) == (0, {}, 0)
        assert rows_of(FAILED.format(KILLS + 1)) == [(0,)]


@pytest.mark.redis
class TestAWorkerAndBeat:
    def test_mirror_what_is_written_through_the_api(
        self, processes, transactional_db, shared_url, rows_of, tmp_path, empty_neo4j, neo4j_url
    ):  # fmt: skip
        """The whole way: web, database, beat, Redis, worker, Neo4j."""
        _, key = create_key(name="ada", role="operator")
        url = processes.environment["DATABASE_URL"] = shared_url()
        start_redis(processes, tmp_path)
        processes.environment["NEO4J_URL"] = neo4j_url
        call = Caller(processes.web(), key)
        processes.worker()
        processes.beat(tmp_path)

        made = [call("POST", "/tasks", title=f"Task {n}", tags=["api"])[1]["id"] for n in range(20)]
        call("POST", f"/tasks/{made[0]}/dependencies", depends_on=made[1])
        wait_until(lambda: rows_of(DONE)[0][0] >= 20 and not rows_of(OPEN)[0][0], "the worker to mirror them")

        status, answer = reconcile(processes, url)
        assert (status, answer["found"], answer["skipped"]) == (0, 0, 0)
