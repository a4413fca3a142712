"""What a client and a browser are told while the database cannot answer."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import DataError, OperationalError, connection
from django.test import Client

from hopper.common.db.failures import passing_failure
from hopper.tests.refusals import refused
from tasks.tests.factories import TaskFactory

on_postgres = connection.vendor == "postgresql"
only_postgres = pytest.mark.skipif(not on_postgres, reason="SQLite has no such limit")


@pytest.fixture
def another():
    """A connection of somebody else to the test database."""
    connection.ensure_connection()
    if on_postgres:
        with psycopg.connect(**connection.get_connection_params()) as other:
            yield other
    else:
        uri = connection.settings_dict["NAME"]
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as other:
            yield other
    connection.close()  # with its limits, and whatever became of it


@pytest.fixture
def client(api):
    """A client that is answered, where Django's own would raise."""
    speaker = api()
    speaker.get("/tasks")
    speaker.http.raise_request_exception = False
    return speaker


def limit(**limits):
    with connection.cursor() as cursor:
        for name, value in limits.items():
            cursor.execute(f"SET {name} = '{value}'" if on_postgres else f"PRAGMA {name} = {value}")


@pytest.mark.django_db(transaction=True)
class TestTheApi:
    """It answers 503, says when to come back and what to do."""

    @pytest.mark.postgres
    @only_postgres
    def test_says_that_a_statement_took_too_long(self, client, another):
        another.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        limit(lock_timeout=0, statement_timeout="20ms")

        response = client.get("/tasks")

        assert "ask for less" in refused(response, 503)
        assert (response.json()["code"], response["Retry-After"]) == ("database_too_slow", "10")

    def test_says_that_another_change_was_in_the_way(self, client, another):
        another.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE" if on_postgres else "BEGIN IMMEDIATE")
        limit(**{"lock_timeout" if on_postgres else "busy_timeout": 20})

        response = client.post("/tasks", title="A task")
        another.rollback()

        assert "try again" in refused(response, 503)
        assert (response.json()["code"], response["Retry-After"]) == ("database_busy", "1")

    @pytest.mark.postgres
    @only_postgres
    def test_says_that_the_database_went_away(self, client, another):
        another.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])

        response = client.get("/tasks")

        assert "does not answer" in refused(response, 503)
        assert client.get("/tasks").status_code == 503
        connection.close()  # as the end of a request does
        assert client.get("/tasks").status_code == 200

    @pytest.mark.postgres
    @only_postgres
    def test_goes_on_with_the_next_request(self, client, another):
        TaskFactory(id="one")
        another.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE")
        limit(lock_timeout="20ms")
        assert client.get("/tasks/one").status_code == 503

        another.rollback()

        assert client.get("/tasks/one").status_code == 200


@pytest.mark.django_db(transaction=True)
class TestTheAdmin:
    def test_shows_a_page_that_says_what_to_do(self, another):
        browser = Client()
        browser.force_login(get_user_model().objects.create_superuser("ada"))
        another.execute("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE" if on_postgres else "BEGIN IMMEDIATE")
        limit(**{"lock_timeout" if on_postgres else "busy_timeout": 20})

        page = browser.get("/admin/tasks/task/") if on_postgres else browser.post("/admin/logout/")
        another.rollback()

        assert (page.status_code, page["Retry-After"]) == (503, "1")
        assert "Another change was in the way" in page.content.decode()


class TestAFailure:
    @pytest.mark.parametrize(
        "error", [ValueError("no"), DataError("too long"), sqlite3.OperationalError("not through Django")]
    )
    def test_of_another_kind_does_not_pass(self, error):
        assert passing_failure(error) is None

    def test_of_a_statement_does_not_pass(self, db):
        with pytest.raises(Exception, match="nowhere") as failed, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM nowhere")

        assert passing_failure(failed.value) is None

    def test_without_a_server_passes(self):
        assert passing_failure(OperationalError("connection refused")).code == "database_away"
