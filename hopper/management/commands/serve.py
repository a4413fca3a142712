"""Serve the admin, the API and the live stream, with the relay beside them where no broker is configured."""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

STOP_AFTER = 15
LOOK_EVERY = 1  # seconds


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
        beside = {"live stream": stream} if settings.REDIS_URL else {"live stream": stream, "relay": [*manage, "relay"]}
        with TemporaryDirectory(prefix="hopper-metrics-") as folder:  # where web workers count together
            _run_together(web, beside, {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder})


def _run_together(web: list[str], beside: dict[str, list[str]], environment: dict[str, str]) -> None:
    """Run the web server and what stands beside it until it ends or somebody stops us; then stop the others."""
    server = subprocess.Popen(web, env=environment)  # noqa: S603 - our own commands
    others = {name: subprocess.Popen(command, env=environment) for name, command in beside.items()}  # noqa: S603
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _watch(server, dict(others))
    except KeyboardInterrupt:
        pass
    finally:
        for process in (server, *others.values()):
            process.terminate()
        for process in (server, *others.values()):
            process.wait(STOP_AFTER)
    sys.exit(max(0, server.returncode or 0))


def _watch(server: "subprocess.Popen[bytes]", others: "dict[str, subprocess.Popen[bytes]]") -> None:
    """Wait until the web server ends; whichever other ends before it is missed, and said to be."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            server.wait(LOOK_EVERY)
            return
        for name in [name for name, process in others.items() if process.poll() is not None]:
            status = others.pop(name).returncode
            sys.stderr.write(f"The {name} has ended with status {status}; the rest goes on without it.\n")
