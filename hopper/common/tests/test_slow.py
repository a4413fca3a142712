"""Slow statements leave a line that says what, where and how."""

import re
from contextlib import closing

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tasks.models import Task
from tasks.operations import submit_task
from tasks.tests.factories import TaskFactory

SECRET = "Wilhelmina's diagnosis"
SCAN = "Seq Scan|Index|Result|Limit" if connection.vendor == "postgresql" else "SCAN|SEARCH"


@pytest.fixture
def lines(settings, caplog):
    """Call everything slow, and return what is logged about it; each test asks what no other has a plan of."""
    settings.SLOW_QUERY_MS = 0.000001

    def logged(table="tasks"):
        texts = [record.getMessage() for record in caplog.records if record.name == "hopper.slow"]
        return [text for text in texts if f'FROM "{table}"' in text]

    return logged


@pytest.mark.django_db
class TestASlowStatement:
    def test_is_logged_with_its_place_and_its_plan(self, api, lines):
        client = api()

        client.get("/tasks", search="nowhere")

        (line,) = lines()
        first, *plan = line.splitlines()
        assert re.match(
            r'\d+ ms at hopper/common/rest/pagination\.py:\d+: SELECT .* FROM "tasks" .* \[str \d+, ', first
        )
        assert re.search(SCAN, "".join(plan)), line

    def test_does_not_say_what_it_asked_for(self, api, lines):
        TaskFactory(title=SECRET)

        assert len(api().get("/tasks", search=SECRET).json()["results"]) == 1

        assert [word for word in ("Wilhelmina", "diagnosis") if word in "".join(lines())] == []

    def test_has_its_plan_once_a_minute(self, lines):
        for _ in range(3):
            Task.objects.filter(requester="x").exists()

        assert [len(line.splitlines()) > 1 for line in lines()] == [True, False, False]

    def test_costs_no_query_that_is_counted(self, lines):
        with CaptureQueriesContext(connection) as queries:
            Task.objects.filter(owner="x").exists()

        assert len(queries) == len(lines()) == 1
        assert "\n" in lines()[0]

    def test_leaves_the_transaction_as_it_is(self, lines):
        with transaction.atomic():
            task = submit_task(title="First", actor="ada", route=False)
            assert Task.objects.filter(title="First").get() == task

        assert Task.objects.get(title="First") == task
        assert any("\n" in line for line in lines())

    def test_that_failed_is_logged_without_a_plan(self, lines):
        with pytest.raises(DatabaseError), transaction.atomic():
            Task.objects.extra(where=["nowhere = 1"]).exists()

        (line,) = lines()
        assert "no plan: " in line
        assert not Task.objects.exists()

    def test_is_not_logged_when_nobody_wants_it(self, lines, settings):
        settings.SLOW_QUERY_MS = 0

        Task.objects.filter(title="x").exists()

        assert lines() == []

    def test_of_many_rows_is_short(self, lines):
        Task.objects.filter(title__in=[f"title {n}" for n in range(400)]).exists()

        (line,) = lines()
        assert "381 more" in line
        assert len(line.splitlines()[0]) < 3000

    def test_is_logged_though_its_connection_was_opened_under_another_watch(self, lines):
        heard, own = [], connection.copy()

        def hear(execute, *statement):
            heard.append(statement)
            return execute(*statement)

        with closing(own):
            with own.execute_wrapper(hear):
                own.ensure_connection()
            with own.cursor() as cursor:
                cursor.execute('WITH "unheard" AS (SELECT 1) SELECT * FROM "unheard"')

        assert len(lines("unheard")) == 1
        assert heard == []
