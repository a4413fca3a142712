"""What a process may ask of the database depends on what it is: web, worker or command."""

import http.client
import json
import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.utils import ConnectionHandler

from hopper.common.db.failures import DatabaseAway, passing_failure
from hopper.common.db.options import database_from_url

URL = "postgresql://ada@db/hopper"
only_postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no timeouts and no pool")
SAY_ROLE = (
    "import atexit, runpy, sys; from django.conf import settings; atexit.register(lambda: print(settings.HOPPER_ROLE))"
)
RUN_MANAGE = f"{SAY_ROLE}; sys.argv[0] = 'manage.py'; import manage; manage.main()"
RUN_CELERY = f"{SAY_ROLE}; runpy.run_module('celery', run_name='__main__', alter_sys=True)"


def entry(role, url=URL, *, pool_size=5):
    return database_from_url(url, role=role, pool_size=pool_size, max_overflow=10)


@pytest.fixture
def connect():
    """Connect to the test database as Django would with `DATABASES` made for a role."""
    opened = []

    def new(made):
        handler = ConnectionHandler({"default": made | {"NAME": connection.settings_dict["NAME"]}})
        opened.append(handler["default"])
        return opened[-1]

    yield new
    for other in opened:
        other.close()
    for other in opened:
        other.close_pool()


class TestAConnection:
    """What `DATABASES` says of PostgreSQL."""

    @pytest.mark.parametrize("role", ["worker", "command"])
    def test_has_no_pool_outside_of_the_web(self, role):
        made = entry(role)

        assert ("pool" in made["OPTIONS"], made["CONN_MAX_AGE"]) == (False, 3600)

    @pytest.mark.parametrize(("asked", "prepares"), [("", True), ("?prepare_threshold=none", False)])
    def test_prepares_what_asks_for_it_unless_the_address_says_no(self, asked, prepares):
        made = entry("worker", f"{URL}{asked}")

        assert (made["OPTIONS"]["prepare_threshold"] is not None) is prepares

    def test_of_the_web_has_a_pool_that_may_grow(self):
        made = entry("web")

        pool = made["OPTIONS"]["pool"]
        assert (pool["min_size"], pool["max_size"], made["CONN_MAX_AGE"]) == (5, 15, 0)

    def test_of_the_web_needs_no_pool(self):
        assert "pool" not in entry("web", pool_size=0)["OPTIONS"]

    @pytest.mark.postgres
    @only_postgres
    @pytest.mark.parametrize(
        ("role", "limits"),
        [("web", ["5s", "3s", "15s"]), ("worker", ["1min", "3s", "15s"]), ("command", ["0", "3s", "0"])],
    )
    def test_is_limited_by_role(self, db, connect, role, limits):
        names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name"]
        with connect(entry(role, settings.DATABASE_URL)).cursor() as cursor:
            shown = [cursor.execute(f"SHOW {name}").fetchone()[0] for name in names]

        assert shown == [*limits, f"hopper {role}"]

    @pytest.mark.postgres
    @only_postgres
    def test_takes_the_operators_own_limits(self, db, connect):
        joint = "&" if "?" in settings.DATABASE_URL else "?"
        mine = f"{settings.DATABASE_URL}{joint}options=-c%20statement_timeout%3D7s"
        with connect(entry("web", mine)).cursor() as cursor:
            assert cursor.execute("SHOW statement_timeout").fetchone() == ("7s",)
            assert cursor.execute("SHOW lock_timeout").fetchone() == ("3s",)

    @pytest.mark.postgres
    @only_postgres
    def test_that_the_pool_has_not_is_a_failure_that_passes(self, db, connect):
        made = entry("web", settings.DATABASE_URL)
        made["OPTIONS"]["pool"] |= {"min_size": 1, "max_size": 1, "timeout": 1}
        first, second = connect(made), connect(made)
        first.ensure_connection()

        with pytest.raises(OperationalError, match="couldn't get a connection") as failed:
            second.ensure_connection()

        assert isinstance(passing_failure(failed.value), DatabaseAway)


def start(*words, **given):
    """Start Python in an environment that names no role unless it is given."""
    kept = {name: value for name, value in os.environ.items() if name != "HOPPER_ROLE"}
    environment = {**kept, "DATABASE_URL": settings.DATABASE_URL, **given}
    return subprocess.Popen(
        [sys.executable, *words], cwd=settings.BASE_DIR, env=environment, text=True, close_fds=False,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.processes
class TestAProcess:
    """It knows its role by the door that it came in by."""

    def test_takes_the_role_of_its_door_or_the_one_it_is_given(self):
        doors = {
            "worker": start("-c", RUN_CELERY, "--app", "hopper", "report"),
            "worker, too": start("-c", RUN_MANAGE, "relay", "--help"),
            "command": start("-c", RUN_MANAGE, "migrate", "--help"),
            "web, given": start("-c", RUN_MANAGE, "migrate", "--help", HOPPER_ROLE="web"),
        }
        said = {name: door.communicate(timeout=100)[0].split()[-1] for name, door in doors.items()}

        assert said == {name: name.split(",")[0] for name in doors}

    def test_is_the_web_under_gunicorn(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            os.set_inheritable(listener.fileno(), True)
            bound = ["--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
            server = start("-m", "gunicorn", "hopper.tests.wsgi_probe", *bound)
            client = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=100)
            client.request("GET", "/")
            answer = json.loads(client.getresponse().read())
            server.terminate()
            server.communicate(timeout=30)

        assert answer == ["web", *(["5s", True] if connection.vendor == "postgresql" else [None, False])]
