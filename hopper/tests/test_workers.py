"""Workers that die in the middle, on a real Redis: every task ends with the vector of its latest text."""

import hashlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from celery import Celery

from hopper.common.keys import create_key
from hopper.tests.caller import Caller
from hopper.tests.processes import children_of, start_redis, wait_until
from routing.tests.openai_stub import OpenAIStub, send, serving
from tasks.operations import create_tasks

pytestmark = [pytest.mark.redis, pytest.mark.processes, pytest.mark.untraced]

TASKS, BATCH, DIMENSION = 1000, 20, 16
VECTORS = "SELECT tasks.id, title, content_hash, embedding FROM tasks LEFT JOIN task_embeddings ON task_id = tasks.id"


@pytest.fixture
def stub():
    with serving(OpenAIStub(dimension=DIMENSION)) as served:
        yield served


@pytest.fixture
def processes(processes, stub):
    """Processes whose embedding service is the stub; a call may take a second, so a lease is twelve."""
    processes.environment |= {
        "EMBEDDINGS_PROVIDER": "openai", "EMBEDDINGS_MODEL": "", "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": stub.url, "EMBEDDINGS_DIMENSION": str(DIMENSION), "EMBEDDINGS_BATCH_SIZE": str(BATCH),
        "EMBEDDINGS_TIMEOUT": "1",
    }  # fmt: skip
    return processes


class TestAJobWhoseProcessIsKilled:
    """Its message is the promise here: no beat sends another."""

    @pytest.fixture
    def broker(self, processes, tmp_path):
        return start_redis(processes, tmp_path)

    @pytest.fixture
    def killed_job(self, processes, broker, stub, shared_url):
        """Kill the process of a job while it waits for its first answer; return how many questions it had asked."""
        create_tasks(rows=[{"title": f"Task {n}"} for n in range(3 * BATCH)], actor="ada")
        processes.environment["DATABASE_URL"] = shared_url()

        def run():
            stub.answer = lambda handler, question: stub.released.wait(30)
            Celery(broker=processes.environment["REDIS_URL"]).send_task("routing.embed_waiting")
            worker = processes.worker()
            wait_until(lambda: stub.questions, "the first question")
            asked, stub.answer = len(stub.questions), None
            for child in children_of(worker.pid):
                os.kill(child, signal.SIGKILL)
            return asked

        return run

    def test_is_lost_when_celery_forgets_it_at_its_start(self, processes, killed_job, broker, stub):
        processes.environment["DJANGO_SETTINGS_MODULE"] = "hopper.tests.naive_settings"
        asked = killed_job()
        wait_until(lambda: not broker.exists("celery", "unacked"), "an empty broker")
        assert len(stub.questions) == asked

    def test_runs_again(self, killed_job, rows_of, stub):
        killed_job()
        wait_until(lambda: count_vectors(rows_of) == 2 * BATCH, "the batches that the killed one did not hold")


class TestAThousandTasks:
    def test_end_with_the_vector_of_their_latest_text_through_five_kills_and_a_flush(
        self, processes, stub, shared_url, rows_of, tmp_path, transactional_db
    ):  # fmt: skip
        _, key = create_key(name="ada", role="operator")
        processes.environment["DATABASE_URL"] = shared_url()
        broker = start_redis(processes, tmp_path)
        stub.answer = lambda handler, question: answer_slowly(stub, handler, question)
        processes.beat(tmp_path)
        worker = processes.worker()

        with ThreadPoolExecutor() as pool:
            submitting = pool.submit(submit_and_change, processes.web(), key)
            for kills in range(1, 6):
                seen = count_vectors(rows_of) + 2 * BATCH
                wait_until(lambda wanted=seen: work(submitting, rows_of) >= wanted, f"work before kill {kills}")
                processes.kill(worker)
                if kills == 3:
                    broker.flushall()
                worker = processes.worker()
            latest = submitting.result()

        assert len(latest) == TASKS
        wait_until(lambda: hashes(rows_of) == {id: hash_of(title) for id, title in latest.items()}, "every vector")
        for _, title, _, embedding in rows_of(VECTORS):
            assert own_numbers(embedding) == pytest.approx(stub.vector_of(title), abs=1e-6)


def answer_slowly(stub, handler, question):
    time.sleep(0.1)  # a service far away
    send(handler, json.dumps(stub.vectors(question)))


def submit_and_change(address, key):
    """Submit the tasks by four at a time and give every tenth a new title; return the titles by id."""
    call = Caller(address, key).done

    def submit(number):
        made = call("POST", "/tasks?route=false", title=f"Task number {number}")
        if number % 10:
            return made
        return call("PATCH", f"/tasks/{made['id']}", title=f"Another title for {number}")

    with ThreadPoolExecutor(4) as pool:
        return {task["id"]: task["title"] for task in pool.map(submit, range(TASKS))}


def work(submitting, rows_of):
    """Return how many vectors there are; what the submitting thread stumbled over is raised here at once."""
    if submitting.done():
        submitting.result()
    return count_vectors(rows_of)


def count_vectors(rows_of):
    return rows_of("SELECT COUNT(*) FROM task_embeddings")[0][0]


def hashes(rows_of):
    return {id: found for id, _, found, _ in rows_of(VECTORS)}


def hash_of(title):
    return hashlib.sha256(title.encode()).hexdigest()


def own_numbers(embedding):
    """Return the numbers of a vector as it is stored, without the zeros that fill the column."""
    stored = np.frombuffer(embedding, "<f4") if isinstance(embedding, bytes) else np.array(json.loads(embedding))
    assert not stored[DIMENSION:].any()
    return stored[:DIMENSION]
