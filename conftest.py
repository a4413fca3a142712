"""What every test stands on."""

import os
import re
import sqlite3
import sys
import threading
from contextlib import contextmanager

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection

from hopper.common.keys import create_key


def pytest_configure():
    """Leave out what costs each test much and proves nothing, and what a developer's own settings would change.

    Argon2 is slow on purpose, and WhiteNoise looks up all static files anew for every test client.
    """
    settings.EMBEDDINGS_PROVIDER, settings.EMBEDDINGS_MODEL = "hashing", ""
    settings.LLM_MODEL = settings.SAGE = settings.NEO4J_URL = settings.REDIS_URL = ""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True
    hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine fails no test
    hypothesis.settings.load_profile("patient")
    settings.MEMORY_REPOSITORY = os.environ["MEMORY_REPOSITORY"] = ""  # in processes that tests start, too


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Measure coverage at the first case of a parametrised test only: tracing takes as long as the test itself.

    `make servers` gives each file to one process, and all that need Neo4j to the same one: it takes long to start.
    """
    seen = set()
    for item in items:
        if item.function in seen:
            item.add_marker("untraced")
        seen.add(item.function)
        item.add_marker(pytest.mark.xdist_group("neo4j" if item.get_closest_marker("neo4j") else item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Run what is marked `untraced` at full speed: coverage looks away, in threads too."""
    if not item.get_closest_marker("untraced"):
        return (yield)
    with _untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """Make the database at full speed: migrations are left out of coverage."""
    if fixturedef.argname != "django_db_setup":
        return (yield)
    with _untraced():
        return (yield)


@contextmanager
def _untraced():
    own, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(of_threads)
        sys.settrace(own)


NEVER_SKIPPED_IN_CI = ("data", "browser", "redis", "neo4j")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a test that lacks what it needs has failed: a skipped suite proves nothing."""
    report = yield
    needed = [name for name in NEVER_SKIPPED_IN_CI if item.get_closest_marker(name)]
    if report.skipped and needed and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"In CI the {needed[0]} tests are required: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _fresh_process():
    """Begin each test as a new process would: nothing kept from another test's rows."""
    from hopper.common import absence, jobs
    from routing.operations import loading

    absence.forget()
    jobs.forget()
    loading.forget()
    caches["working"].clear()
    yield
    loading.forget()


@pytest.fixture
def run_jobs(django_capture_on_commit_callbacks):
    """Run a block and then the doorbells that it rang, as a commit would."""

    def run(callable_, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return callable_(*args, **kwargs)

    return run


@pytest.fixture
def api(db):
    """A client of the API that holds a key: `api()` is an administrator, `api("viewer")` a viewer."""
    from hopper.testing import ApiClient

    def client(role="administrator", **limits):
        _, text = create_key(name=limits.pop("name", role), role=role, **limits)
        return ApiClient(text)

    return client


@pytest.fixture
def processes():
    """Programs that a test starts; whatever still runs at its end is killed."""
    from hopper.tests.processes import Processes

    running = Processes()
    yield running
    running.kill_all()


@pytest.fixture(scope="session")
def neo4j_url(tmp_path_factory):
    """Start one Neo4j for all tests of this process; return its address."""
    from hopper.tests.processes import Processes, start_neo4j

    running = Processes()
    yield start_neo4j(running, tmp_path_factory.mktemp("neo4j"))
    running.kill_all()


@pytest.fixture
def shared_url(transactional_db, tmp_path):
    """Give a function that returns the address of a database with the rows of this test, for other processes."""

    def address():
        if connection.vendor == "sqlite":
            file = tmp_path / "shared.db"
            connection.connection.backup(sqlite3.connect(file))
            return f"sqlite:///{file}"
        return re.sub(r"(//[^/]*/)[^?]*", rf"\g<1>{connection.settings_dict['NAME']}", settings.DATABASE_URL)

    return address


@pytest.fixture
def rows_of(shared_url, tmp_path):
    """Read a table of that database as it stands after the other processes."""

    def read(sql):
        if connection.vendor == "sqlite":
            return sqlite3.connect(tmp_path / "shared.db").execute(sql).fetchall()
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    return read
