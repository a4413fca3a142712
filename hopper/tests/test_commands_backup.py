"""`backup` and `restore` on a database of their own, on whichever engine the tests run."""

import json
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from hopper.tests.commands import manage

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def own_url(tmp_path_factory):
    """The URL of a migrated database that is nobody else's."""
    if connection.vendor == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('own')}/own.db"
        assert manage("migrate", url=url).returncode == 0
        yield url
        return
    import psycopg

    name, parts = f"hopper_backup_{uuid4().hex[:8]}", urlsplit(settings.DATABASE_URL)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        url = parts._replace(path=f"/{name}").geturl()
        assert manage("migrate", url=url).returncode == 0
        yield url
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def key_names(own_url):
    return lambda: [key["name"] for key in json.loads(manage("apikey", "list", "--json", url=own_url).stdout)["keys"]]


@pytest.fixture
def backup(own_url, tmp_path):
    """A backup that holds one key more than before, by its file."""
    manage("apikey", "create", "--name", "kept", url=own_url)
    done = manage("backup", tmp_path / "backup", "--json", url=own_url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bytes"] == (tmp_path / "backup").stat().st_size
    return tmp_path / "backup"


class TestRestore:
    def test_brings_back_what_was_there_and_nothing_later(self, own_url, backup, key_names):
        before = key_names()
        manage("apikey", "create", "--name", "later", url=own_url)

        done = manage("restore", backup, "--yes", url=own_url)

        assert done.returncode == 0, done.stderr
        assert key_names() == before
        assert manage("migrate", "--check", url=own_url).returncode == 0

    def test_keeps_every_row_when_the_file_is_none_of_hoppers(self, own_url, tmp_path, key_names):
        before = key_names()
        (tmp_path / "junk").write_text("no backup at all\n" * 1000)

        done = manage("restore", tmp_path / "junk", "--yes", url=own_url)

        assert done.returncode == 1
        assert done.stderr.startswith("CommandError: ")
        assert "Traceback" not in done.stderr
        assert key_names() == before

    def test_keeps_every_row_when_the_file_is_cut_short(self, own_url, backup, key_names):
        before = key_names()
        whole = backup.read_bytes()
        backup.write_bytes(whole[: len(whole) * 2 // 3])

        assert manage("restore", backup, "--yes", url=own_url).returncode == 1
        assert key_names() == before

    def test_asks_first(self, own_url, backup):
        done = manage("restore", backup, url=own_url)

        assert done.returncode == 1
        assert "Add --yes" in done.stderr

    def test_refuses_a_file_that_is_not_there(self, own_url, tmp_path):
        done = manage("restore", tmp_path / "nothing", "--yes", url=own_url)

        assert (done.returncode, done.stderr) == (1, f"CommandError: There is no file {tmp_path}/nothing.\n")


class TestBackup:
    def test_is_for_its_owner_only(self, backup):
        assert backup.stat().st_mode & 0o777 == 0o600
        assert list(backup.parent.iterdir()) == [backup]

    def test_never_overwrites_a_file(self, own_url, backup):
        before = backup.read_bytes()

        done = manage("backup", backup, url=own_url)

        assert done.returncode == 1
        assert "is there already" in done.stderr
        assert backup.read_bytes() == before

    def test_refuses_a_folder_that_is_not_there(self, own_url, tmp_path):
        done = manage("backup", tmp_path / "nowhere" / "backup", url=own_url)

        assert done.returncode == 1
        assert "cannot be written: No such file or directory" in done.stderr
