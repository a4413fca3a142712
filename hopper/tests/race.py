"""Processes that want the same thing at the same moment: started by a test, each competing on its own."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from importlib import import_module

import django
from django.conf import settings

PATIENCE = 120  # seconds


def race(program, url, **wanted):
    """Run the module on this database, tell it what is wanted, and return what each competitor answered."""
    ran = subprocess.Popen(
        [sys.executable, "-m", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "hopper.settings"}, cwd=settings.BASE_DIR,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = ran.communicate(json.dumps(wanted), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(ran.pid, signal.SIGKILL)  # the competitors too: they hold the pipe that is read here
        raise
    assert ran.returncode == 0
    return json.loads(said)


def compete(run, count):
    """Be that module: fork the competitors and write their answers.

    `run(number, wanted, together)` is what each does; `together()` returns once all of them have called it.
    """
    django.setup()
    import_module(settings.ROOT_URLCONF)  # once, before the processes part
    processes = multiprocessing.get_context("fork")
    barrier, answers = processes.Barrier(count, timeout=PATIENCE), processes.Queue()
    wanted = json.load(sys.stdin)

    def answer(number):
        answers.put(run(number, wanted, barrier.wait))

    competitors = [processes.Process(target=answer, args=(number,), daemon=True) for number in range(count)]
    for competitor in competitors:
        competitor.start()
    json.dump([answers.get(timeout=PATIENCE) for _ in competitors], sys.stdout)
    for competitor in competitors:
        competitor.join()
