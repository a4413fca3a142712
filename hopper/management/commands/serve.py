"""Serve the admin, the API and the live stream, with the relay beside them where no broker is configured."""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

STOP_AFTER = 15


class Command(BaseCommand):
    """Run gunicorn, `manage.py stream` at the next port, and `manage.py relay` for what Celery beat would do."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--workers", type=int, default=2)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("check")
        web = [
            sys.executable, "-m", "gunicorn", "hopper.wsgi", "--bind", f"{options['host']}:{options['port']}",
            "--workers", str(options["workers"]), "--threads", "4", "--no-control-socket", "--log-level", "warning",
        ]  # fmt: skip
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        stream = [*manage, "stream", "--host", options["host"], "--port", str(options["port"] + 1)]
        _run_together([web, stream] if settings.REDIS_URL else [web, stream, [*manage, "relay"]])


def _run_together(commands: list[list[str]]) -> None:
    """Run the commands until the first one ends or somebody stops us; then stop the others."""
    with TemporaryDirectory(prefix="hopper-metrics-") as folder:  # where web workers count together
        _run_in({**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}, commands)


def _run_in(environment: dict[str, str], commands: list[list[str]]) -> None:
    running = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: S603 - our own commands
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        running[0].wait()
    except KeyboardInterrupt:
        pass
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(STOP_AFTER)
    sys.exit(max(0, running[0].returncode or 0))
