"""`backup` and `restore` on a database of their own, on whichever engine the tests run."""

import json
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from hopper.tests.commands import fail, manage

NOTE = "INSERT INTO django_session (session_key, session_data, expire_date) VALUES ('{}', '', '2030-01-01')"


class OwnDatabase:
    """A migrated database that is nobody else's, written and read past Hopper."""

    def __init__(self, url, connect):
        self.url, self.connect = url, connect
        assert manage("migrate", url=url).returncode == 0

    def note(self, name):
        with closing(self.connect()) as database:
            database.execute(NOTE.format(name))
            database.commit()

    @property
    def notes(self):
        with closing(self.connect()) as database:
            return {name for (name,) in database.execute("SELECT session_key FROM django_session").fetchall()}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("own") / "own.db"
        yield OwnDatabase(f"sqlite:///{file}", lambda: sqlite3.connect(file))
        return
    name, parts = f"hopper_backup_{uuid4().hex[:8]}", urlsplit(settings.DATABASE_URL)
    url = parts._replace(path=f"/{name}").geturl()
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield OwnDatabase(url, lambda: psycopg.connect(url))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def backup(own, tmp_path_factory):
    """A backup that holds the note `kept`."""
    own.note("kept")
    file = tmp_path_factory.mktemp("backups") / "monday"
    done = manage("backup", file, "--json", url=own.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] == file.stat().st_size
    return file


@pytest.mark.processes
class TestRestore:
    def test_brings_back_what_was_there_and_nothing_later(self, own, backup):
        own.note("later")
        assert own.notes == {"kept", "later"}

        done = manage("restore", backup, "--yes", url=own.url)

        assert done.returncode == 0, done.stderr
        assert own.notes == {"kept"}
        own.note("once more")

    @pytest.mark.parametrize("broken", ["cut short", "junk"])
    def test_keeps_every_row_when_the_file_is(self, own, backup, tmp_path, broken):
        whole = backup.read_bytes()
        (tmp_path / "bad").write_bytes(whole[: len(whole) * 2 // 3] if broken == "cut short" else b"junk\n" * 9_000)
        own.note(broken)
        before = own.notes

        done = manage("restore", tmp_path / "bad", "--yes", url=own.url)

        assert done.returncode == 1
        assert done.stderr.startswith("CommandError: ")
        assert own.notes == before

    def test_asks_first(self, tmp_path):
        assert "Add --yes if that is what you want." in fail("restore", str(tmp_path / "backup"))[1]

    def test_refuses_a_file_that_is_not_there(self, tmp_path):
        file = tmp_path / "nothing"

        assert fail("restore", str(file), "--yes")[1] == f"There is no file {file}."


class TestBackup:
    @pytest.mark.processes
    def test_is_one_file_for_its_owner_only(self, backup):
        assert backup.stat().st_mode & 0o777 == 0o600
        assert list(backup.parent.iterdir()) == [backup]

    def test_never_overwrites_a_file(self, tmp_path):
        file = tmp_path / "backup"
        file.write_text("Tuesday")

        assert "is there already: name a new file" in fail("backup", str(file))[1]
        assert file.read_text() == "Tuesday"

    def test_refuses_a_folder_that_is_not_there(self, tmp_path):
        file = tmp_path / "nowhere" / "backup"

        assert fail("backup", str(file))[1] == f"{file} cannot be written: No such file or directory."
