"""Processes that race each other over the rows of a test."""

import json
import os
import signal
import subprocess
import sys

from django.conf import settings


def race(racers, url, **wanted):
    """Start that module, whose racers begin together, tell it what is wanted, and return what they answer."""
    ran = subprocess.Popen(
        [sys.executable, "-m", racers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "hopper.settings"}, cwd=settings.BASE_DIR,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = ran.communicate(json.dumps(wanted), timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(ran.pid, signal.SIGKILL)  # the racers too: they hold the pipe that is read here
        raise
    assert ran.returncode == 0
    return json.loads(said)
