"""Hopper's processes and their Redis, started for a test and killed in the middle of their work."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings

PATIENCE = 120  # seconds; what takes longer has failed


def wait_until(question, what):
    """Ask until the answer is yes; it fails with `what` was waited for."""
    until = time.monotonic() + PATIENCE
    while not (answer := question()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.1)
    return answer


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Processes:
    """Programs that share an environment; whatever still runs at the end is killed."""

    def __init__(self, **environment):
        self.environment = {**os.environ, **environment}
        self.running = []

    def start(self, *command, **pipes):
        program = subprocess.Popen(
            command, env=self.environment, cwd=settings.BASE_DIR, start_new_session=True, **pipes
        )  # fmt: skip
        self.running.append(program)
        return program

    def worker(self, *options):
        return self.start(*self._celery("worker"), "--concurrency", "1", "--loglevel", "ERROR", *options)

    def beat(self, folder):
        return self.start(*self._celery("beat"), "--schedule", str(folder / "beat"), "--loglevel", "ERROR")

    def web(self, workers=1):
        """Serve the API; return its address once it answers."""
        port = free_port()
        self.start(
            sys.executable, "-m", "gunicorn", "hopper.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4",
            "--workers", str(workers), "--no-control-socket", "--log-level", "error",
        )  # fmt: skip
        wait_until(lambda: answers(port), "the web server")
        return f"http://127.0.0.1:{port}/api/v1"

    def kill(self, program):
        """Kill the program and its children as a full machine does: at once."""
        with program:  # which closes its pipes and waits
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGKILL)
        self.running.remove(program)

    def kill_all(self):
        for program in list(self.running):
            self.kill(program)

    def _celery(self, role):
        return sys.executable, "-m", "celery", "-A", "hopper", "--quiet", role


def answers(port):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def start_redis(processes, folder, port=None):
    """Start an empty Redis; return a client of it."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("No Redis found: install redis-server.")
    port = port or free_port()
    processes.start(
        server, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder),
        "--loglevel", "warning", "--logfile", "redis.log",
    )  # fmt: skip
    wait_until(lambda: answers(port), "Redis")
    processes.environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    return redis.Redis(port=port)


def start_neo4j(processes, folder):
    """Start an empty Neo4j; return its address, which the processes get too."""
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("No Java found: Neo4j needs openjdk-17-jdk-headless and maven.")
    port = free_port()
    processes.start(str(settings.BASE_DIR / ".ci/neo4j/run"), str(folder / "neo4j"), str(port))
    wait_until(lambda: answers(port), "Neo4j")
    processes.environment["NEO4J_URL"] = f"bolt://127.0.0.1:{port}"
    return processes.environment["NEO4J_URL"]
