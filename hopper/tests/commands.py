"""Calling commands in tests, in this process or as a program of their own."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command


def say(*words, **options):
    """Return what the command prints."""
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def ask(*words, **options):
    """Return the last line of the command's `--json` answer, read."""
    return json.loads(say(*words, "--json", **options).splitlines()[-1])


def fail(*words, **options):
    """Return what the command prints, and the sentence that it fails with."""
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(*words, stdout=out, **options)
    return out.getvalue(), str(failed.value)


def manage(*words, url, **environment):
    """Run `manage.py` as a program on the database that `url` names."""
    return subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *map(str, words)], capture_output=True, text=True,
        check=False, timeout=300, env={**os.environ, **environment, "DATABASE_URL": url},
    )  # fmt: skip
