import logging
import random
import signal
import threading
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from celery.schedules import maybe_schedule
from django.core.management.base import CommandParser
from django.db import Error as DatabaseError
from django.db import close_old_connections

from hopper.common import jobs
from hopper.common.errors import HopperError
from hopper.management.base import Answer, HopperCommand

ROUND_SECONDS = (1.0, 3.0)  # apart by chance, so that several relays do not march in step
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
log = logging.getLogger(__name__)


class Command(HopperCommand):
    help = "Do by the clock what Celery beat and a worker would do, in one process and without a broker."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="Run every job one time and end.")

    def answer(self, *, once: bool, **options: Any) -> Answer:
        relay = Relay()
        if not once:
            self._run_until_stopped(relay)
        else:
            relay.run_due()
        return {"results": relay.results, "failures": relay.failures if once else {}}

    def show(self, answer: Answer) -> None:
        for name, result in answer["results"].items():
            self.stdout.write(f"{name}: {'nothing to do' if result is None else result}")

    def complaint(self, answer: Answer) -> str | None:
        return "\n".join(f"{name} failed: {why}" for name, why in answer["failures"].items()) or None

    def _run_until_stopped(self, relay: "Relay") -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        relay.run_due()
        self.stderr.write("The relay runs; Ctrl-C stops it.", self.style.SUCCESS)
        while not stopped.wait(random.uniform(*ROUND_SECONDS)):
            close_old_connections()
            relay.run_due()


class Relay:
    """Knows when each entry of the schedule last ran; at first every one is due."""

    def __init__(self) -> None:
        self.last_run: dict[str, datetime] = {}
        self.results: dict[str, Any] = {}
        self.failures: dict[str, str] = {}

    def run_due(self) -> None:
        """Run each entry that is due; what fails is logged and runs again at its next turn."""
        for name, entry in current_app.conf.beat_schedule.items():
            schedule = maybe_schedule(entry["schedule"], app=current_app)
            if schedule.is_due(self.last_run.get(name, LONG_AGO)).is_due:
                self.last_run[name] = schedule.now()
                self._run(entry["task"], entry.get("args", ()))

    def _run(self, job: str, arguments: Any) -> None:
        self.failures.pop(job, None)
        try:
            self.results[job] = jobs.run(job, *arguments)
        except (HopperError, DatabaseError, OSError) as error:
            log.warning("%s failed and runs again at its next turn: %s", job, error)
            self.failures[job] = str(error).strip()
