"""docs/operations.md is run as it stands: whoever follows it gets what it promises."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.conf import settings

BLOCK = re.compile(r"<!-- test:([a-z ]+) -->\n```sh\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall((settings.BASE_DIR / "docs" / "operations.md").read_text())
LONGEST = 300  # seconds, for a machine that does much else


def commands_for(kind):
    return [command for kinds, command in BLOCKS if kind in kinds.split()]


class Machine:
    """A folder with nothing but `manage.py` in it, and a database of its own."""

    def __init__(self, folder, url):
        self.folder = folder
        (folder / "manage.py").symlink_to(settings.BASE_DIR / "manage.py")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        secret = "a secret of at least fifty characters for this test"
        self.environment = {"PATH": path, "HOME": str(folder), "DATABASE_URL": url, "SECRET_KEY": secret}

    def run(self, script):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self.environment, timeout=LONGEST,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def rows(self):
        """Return the number of rows by table."""
        return json.loads(self.run("python manage.py dbstats --json"))["row_counts"]


@pytest.fixture
def sqlite_machine(tmp_path):
    """A machine with a database of its own, where the tests run on such a one: once is enough."""
    if settings.DATABASE_URL.startswith("postgres"):
        pytest.skip("DATABASE_URL names PostgreSQL")
    return Machine(tmp_path, f"sqlite:///{tmp_path}/hopper.db")


@pytest.fixture
def postgres_machine(tmp_path):
    """A machine whose database stands beside the one the tests run on, and goes with the test."""
    if not settings.DATABASE_URL.startswith("postgres"):
        pytest.skip("DATABASE_URL does not name PostgreSQL")
    import psycopg

    name = f"hopper_operations_{uuid4().hex[:8]}"
    home = re.sub(r"(?<=/)[^/?]+(?=\?|$)", "postgres", settings.DATABASE_URL, count=1)
    with psycopg.connect(home, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield Machine(tmp_path, re.sub(r"/postgres(?=\?|$)", f"/{quote(name)}", home))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def play(machine, kind):
    """Run every block in order; between backup and restore the database changes, and the restore undoes it."""
    for command in commands_for(kind):
        if " restore " in command:
            assert re.search(r"[1-9]\d* rows loaded", machine.run("python manage.py seed"))
        machine.run(command)
        if " backup " in command:
            kept = machine.rows()
        if " restore " in command:
            assert machine.rows() == kept


class TestOperations:
    @pytest.mark.parametrize("kind", ["sqlite", "postgres"])
    def test_shows_backup_and_restore_on(self, kind):
        shown = "".join(commands_for(kind))

        assert shown.index("manage.py migrate") < shown.index("manage.py backup") < shown.index("manage.py restore")

    @pytest.mark.processes
    def test_holds_on_sqlite(self, sqlite_machine):
        play(sqlite_machine, "sqlite")

        assert [file.stat().st_mode & 0o777 for file in sqlite_machine.folder.glob("backups/*")] == [0o600]

    @pytest.mark.postgres
    @pytest.mark.processes
    def test_holds_on_postgresql(self, postgres_machine):
        play(postgres_machine, "postgres")
