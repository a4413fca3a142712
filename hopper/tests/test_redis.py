"""What Redis does to Hopper when it is well, dead, or takes calls and never answers: it is a doorbell, nothing more."""

import socket
import threading
import time

import pytest
from celery import Celery

from hopper.common.keys import create_key
from hopper.tests.caller import Caller
from hopper.tests.processes import free_port, start_redis, wait_until
from projects.tests.factories import ProjectFactory
from routing.tests.openai_stub import OpenAIStub, serving
from tasks.operations import create_tasks

pytestmark = [pytest.mark.redis, pytest.mark.processes, pytest.mark.untraced]

PATIENCE_OF_A_WRITE = 2.0  # seconds that a Redis that never answers may cost, once
VECTORS = "SELECT COUNT(*) FROM task_embeddings"
OPEN = "SELECT COUNT(*) FROM deliveries WHERE status <> 'done'"
WAITING, FEW = 1000, 150


@pytest.fixture
def black_hole():
    """Give the address of a server that accepts every connection and never says a word."""
    held, server = [], socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            try:
                held.append(server.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for connection, _ in held:
        connection.close()


class Client(Caller):
    """Speaks to a web process of its own, with one worker, and keeps the time."""

    def __init__(self, processes, shared_url, redis_url):
        _, key = create_key(name="ada", role="operator")
        ProjectFactory(name="sark", capabilities=["python"])
        processes.environment |= {"DATABASE_URL": shared_url(), "REDIS_URL": redis_url}
        super().__init__(processes.web(), key)

    def submit(self, **fields):
        """Submit a task of an owner, whom the working memory is asked for; return how long it took, and the task."""
        begun = time.monotonic()
        task = self.done("POST", "/tasks", title="Parse it", required_capabilities=["python"], owner="bo", **fields)
        return time.monotonic() - begun, task

    def work(self):
        """Create, claim, start and complete; return the status of the task."""
        task = self.submit()[1]
        claim = self.done("POST", f"/tasks/{task['id']}/claim")
        for step in ("start", "complete"):
            task = self.done("POST", f"/tasks/{task['id']}/{step}", fence=claim["fence"])
        return task["status"]


class TestARedisThatIsAway:
    def test_and_never_answers_costs_one_write_two_seconds_and_the_next_nothing(
        self, processes, shared_url, black_hole
    ):  # fmt: skip
        client = Client(processes, shared_url, black_hole)
        client.done("GET", "/tasks")  # what a process does once
        (first, task), *others = [client.submit() for _ in range(5)]
        assert task["project"] == "sark"
        assert first < PATIENCE_OF_A_WRITE + 0.5
        assert max(seconds for seconds, _ in others) < 1  # what the first waits for the broker alone
        assert client.work() == "completed"

    def test_lets_work_go_on_and_workers_resume_when_it_is_back(self, processes, shared_url, rows_of, tmp_path):
        port = free_port()
        client = Client(processes, shared_url, f"redis://127.0.0.1:{port}/0")
        assert client.work() == "completed"
        broker = start_redis(processes, tmp_path, port)
        processes.beat(tmp_path)
        processes.worker()
        wait_until(lambda: not rows_of(OPEN)[0][0], "what was done before there was a Redis")
        broker.shutdown(nosave=True)
        assert client.work() == "completed"
        assert rows_of(OPEN)[0][0]
        start_redis(processes, tmp_path, port)
        back = time.monotonic()
        wait_until(lambda: not rows_of(OPEN)[0][0], "what was done without Redis")
        assert time.monotonic() - back < 30


class TestAWorkerThatIsWoken:
    """There is no beat in here, so nothing polls."""

    def test_does_at_once_what_was_committed(self, processes, shared_url, rows_of, tmp_path):
        broker = start_redis(processes, tmp_path)
        client = Client(processes, shared_url, processes.environment["REDIS_URL"])
        processes.worker()
        wait_until(lambda: broker.exists("_kombu.binding.celery"), "the worker")
        client.submit()
        wait_until(lambda: rows_of(VECTORS)[0][0] == 1, "its vector")

    def test_is_not_flooded_by_a_burst(self, processes, shared_url, tmp_path):
        broker = start_redis(processes, tmp_path)
        client = Client(processes, shared_url, processes.environment["REDIS_URL"])
        begun = time.monotonic()
        for _ in range(30):
            client.submit()
        assert 1 <= broker.llen("celery") <= time.monotonic() - begun + 1


class TestDeliveries:
    @pytest.fixture
    def stub(self):
        with serving(OpenAIStub(dimension=16)) as served:
            yield served

    @pytest.fixture
    def processes(self, processes, stub):
        processes.environment |= {
            "EMBEDDINGS_PROVIDER": "openai", "EMBEDDINGS_MODEL": "", "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": stub.url, "EMBEDDINGS_DIMENSION": "16", "EMBEDDINGS_BATCH_SIZE": "100",
        }  # fmt: skip
        return processes

    def test_of_a_thousand_tasks_are_carried_within_a_minute_although_redis_is_emptied(
        self, processes, shared_url, rows_of, tmp_path, stub
    ):  # fmt: skip
        create_tasks(rows=[{"title": f"Task {n}"} for n in range(WAITING)], actor="ada")
        processes.environment["DATABASE_URL"] = shared_url()
        broker, begun = start_redis(processes, tmp_path), time.monotonic()
        send(processes, times=5)
        broker.flushall()
        processes.beat(tmp_path)
        processes.worker()
        wait_until(lambda: stub.questions, "the first batch")
        broker.flushall()
        wait_until(lambda: not rows_of(OPEN)[0][0], "every delivery")
        assert time.monotonic() - begun < 60

    def test_are_carried_once_by_a_message_that_came_five_times(self, processes, shared_url, rows_of, tmp_path, stub):
        create_tasks(rows=[{"title": f"Task {n}"} for n in range(FEW)], actor="ada")
        processes.environment["DATABASE_URL"] = shared_url()
        broker = start_redis(processes, tmp_path)
        send(processes, times=5)
        processes.worker("--concurrency", "2")
        wait_until(lambda: not rows_of(OPEN)[0][0] and not broker.exists("celery", "unacked"), "every message")
        texts = [text for question in stub.questions for text in question["input"]]
        assert len(texts) == len(set(texts)) == FEW


def send(processes, *, times):
    broker = Celery(broker=processes.environment["REDIS_URL"])
    for _ in range(times):
        broker.send_task("routing.embed_waiting")
