"""`relay`: the clock of an installation without a broker."""

import json
import os
import signal
import subprocess
import sys

import pytest
from celery import current_app, shared_task
from django.conf import settings
from django.db import OperationalError

from hopper.common.errors import HopperError
from hopper.tests.commands import ask, fail, say
from projects.tests.factories import ProjectFactory
from tasks.models import Task
from tasks.tests.factories import TaskFactory


@shared_task(name="tests.refuses")
def refuse():
    raise HopperError("This is refused on purpose.")


@shared_task(name="tests.loses_the_database")
def lose_the_database():
    raise OperationalError("server closed the connection")


@shared_task(name="tests.counts")
def count(number):
    return number + 1


@pytest.fixture
def schedule():
    """Let these jobs, each with its arguments, be the whole schedule."""

    def only(**jobs):
        entries = {job: {"task": f"tests.{job}", "schedule": 3600, "args": args} for job, args in jobs.items()}
        current_app.conf.beat_schedule = entries

    before = current_app.conf.beat_schedule
    yield only
    current_app.conf.beat_schedule = before


@pytest.mark.django_db
class TestRelayOnce:
    def test_routes_a_task_that_no_doorbell_rang_for(self):
        ProjectFactory(name="sark", capabilities={"python": 5})
        task = TaskFactory(title="Write the importer", required_capabilities={"python": 3})

        answer = ask("relay", "--once")

        task.refresh_from_db()
        assert (task.status, task.project_id) == (Task.Status.ROUTED, "sark")
        assert answer["results"]["routing.route_waiting_tasks"] == 1

    def test_runs_every_entry_of_the_schedule(self):
        wanted = {entry["task"] for entry in current_app.conf.beat_schedule.values()}

        assert ask("relay", "--once")["results"].keys() == wanted

    def test_hands_over_the_arguments_of_the_schedule(self, schedule):
        schedule(counts=[41])

        assert say("relay", "--once") == "tests.counts: 42\n"

    def test_goes_on_after_a_failure_and_ends_badly(self, schedule, caplog):
        schedule(refuses=[], loses_the_database=[], counts=[1])

        _, sentences = fail("relay", "--once")

        assert sentences.splitlines() == [
            "tests.refuses failed: This is refused on purpose.",
            "tests.loses_the_database failed: server closed the connection",
        ]
        assert "tests.refuses failed and runs again" in caplog.text


@pytest.mark.processes
class TestRelay:
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_outlives_a_database_without_tables_and_stops_when_asked(self, tmp_path, how):
        relay = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "relay", "--json"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"},
        )  # fmt: skip
        complaints = list(iter(relay.stderr.readline, "The relay runs; Ctrl-C stops it.\n"))

        relay.send_signal(how)
        said, _ = relay.communicate(timeout=60)

        assert "routing.route_waiting_tasks failed and runs again" in complaints[0]
        assert relay.returncode == 0
        assert json.loads(said)["results"] == {}
