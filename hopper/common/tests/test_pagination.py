import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from hopper.tests.refusals import refused
from tasks import operations
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ROWS = 3000
START = datetime(2026, 1, 1, tzinfo=UTC)
PRIORITIES = ["low", "medium", "high", "urgent"]


def some_tasks(count, prefix):
    """Store tasks with many ties: four priorities, every third without a due date, ten made at each moment."""
    return Task.objects.bulk_create(
        Task(
            id=f"{prefix}-{n * 7919 % count:04}", title=f"Task {n % 50}", priority=PRIORITIES[n % 4],
            due_at=None if n % 3 == 0 else START + timedelta(hours=n % 100),
            created_at=START + timedelta(microseconds=n // 10), updated_at=START + timedelta(microseconds=n % 7),
        )
        for n in range(count)
    )  # fmt: skip


@pytest.fixture(scope="class")
def thousands(django_db_setup, django_db_blocker):
    """3,000 tasks that the tests of a class share."""
    with django_db_blocker.unblock():
        keys = {task.pk for task in some_tasks(ROWS, "old")}
        yield keys
        Task.objects.all().delete()


def pages_of(client, path, follow="next", **params):
    page = client.get(path, **params).json()
    while True:
        yield page
        if not page[follow]:
            return
        page = client.http.get(page[follow]).json()


def keys_of(page):
    return [row["id"] for row in page["results"]]


def insert_between(pages):
    """Yield the pages, with new rows at the front, in the middle and at the end before each next one."""
    for number, page in enumerate(pages):
        yield page
        for n, priority in enumerate(PRIORITIES):
            TaskFactory(
                id=f"new-{number}-{n}", priority=priority, title=f"Task {n * 12}", updated_at=START,
                due_at=[None, START, START + timedelta(hours=50), START + timedelta(days=99)][n],
                created_at=START + timedelta(microseconds=n * 100) if n else START - timedelta(days=1),
            )  # fmt: skip


@pytest.mark.untraced
class TestPagesOfThousands:
    """Each row once, whatever the order and whatever is inserted meanwhile."""

    @pytest.mark.parametrize("ordering", ["priority", "due_at", "-due_at", "-title,updated_at"])
    def test_hold_each_row_once_while_rows_are_inserted(self, api, thousands, ordering):
        pages = pages_of(api(), "/tasks", ordering=ordering, page_size=100)

        keys = [key for page in insert_between(pages) for key in keys_of(page)]

        assert len(keys) == len(set(keys))
        assert sorted(key for key in keys if key.startswith("old")) == sorted(thousands)

    @pytest.mark.parametrize("ordering", ["-priority", "due_at"])
    def test_hold_each_row_once_on_the_way_back(self, api, thousands, ordering):
        client = api()
        *_, last = pages_of(client, "/tasks", ordering=ordering, page_size=100)

        back = []
        page = last
        for number in range(ROWS):
            back = [*keys_of(page), *back]
            if not page["previous"]:
                break
            TaskFactory(id=f"new-{number}", priority=PRIORITIES[number % 4], due_at=None if number % 2 else START)
            page = client.http.get(page["previous"]).json()

        assert len(back) == len(set(back))
        assert sorted(key for key in back if key.startswith("old")) == sorted(thousands)

    def test_are_in_order(self, api, thousands):
        pages = islice(pages_of(api(), "/tasks", ordering="priority,-due_at", page_size=100), 31)

        rows = [row for page in pages for row in page["results"]]

        last = datetime(9999, 12, 31, tzinfo=UTC)
        due = [datetime.fromisoformat(row["due_at"]) if row["due_at"] else last for row in rows]
        ranks = [-PRIORITIES.index(row["priority"]) for row in rows]
        order = [(rank, -moment.timestamp()) for rank, moment in zip(ranks, due, strict=True)]
        assert len(rows) == ROWS
        assert order == sorted(order)

    def test_lead_back_to_the_page_before(self, api, thousands):
        client = api()
        first, second = islice(pages_of(client, "/tasks", ordering="due_at", page_size=100), 2)

        again = client.http.get(second["previous"]).json()

        assert keys_of(again) == keys_of(first)
        assert again["previous"] is None
        assert keys_of(client.http.get(again["next"]).json()) == keys_of(second)

    def test_can_be_counted(self, api, thousands):
        page = api().get("/tasks", count="exact", priority="high", page_size=1).json()

        assert page["count"] == ROWS / 4

    def test_can_be_estimated(self, api, thousands):
        assert api().get("/tasks", count="estimate", page_size=1).json()["count"] > 0

    def test_can_be_skipped_as_the_earlier_hopper_did(self, api, thousands):
        client = api()
        pages = list(islice(pages_of(client, "/tasks", ordering="priority", page_size=100), 3))

        skipped = client.get("/tasks", ordering="priority", skip=250, limit=50).json()

        assert keys_of(skipped) == keys_of(pages[2])[50:]
        assert keys_of(client.http.get(skipped["previous"]).json()) == keys_of(pages[2])[:50]

    def test_hold_at_most_100(self, api, thousands):
        assert len(keys_of(api().get("/tasks", page_size=1000).json())) == 100


class TestPages:
    """What a page says, and what it refuses."""

    def test_keep_their_filters(self, api):
        some_tasks(40, "old")

        pages = list(pages_of(api(), "/tasks", priority="high", ordering="title", page_size=3))

        assert {row["priority"] for page in pages for row in page["results"]} == {"high"}
        assert sum(len(keys_of(page)) for page in pages) == 10

    def test_end_where_the_rows_do(self, api):
        assert api().get("/tasks").json() == {"next": None, "previous": None, "results": []}

    @pytest.mark.parametrize("ordering", ["updated_at", "-updated_at"])
    def test_hold_claimed_tasks_once_too(self, api, ordering):
        for task in TaskFactory.create_batch(12, routed=True):
            operations.claim_task(task_id=task.pk, owner="ada")

        pages = islice(pages_of(api(), "/tasks", ordering=ordering, page_size=1), 20)
        keys = [key for page in pages for key in keys_of(page)]

        assert len(keys) == len(set(keys)) == 12

    @pytest.mark.parametrize(
        ("params", "field", "said"),
        [
            ({"ordering": "nothing"}, "ordering", "use one of created_at, updated_at, priority"),
            ({"ordering": "priority,,title"}, "ordering", "is no ordering"),
            ({"ordering": "--priority"}, "ordering", "is no ordering"),
            ({"ordering": ",".join(["priority"] * 900)}, "ordering", "each ordering once"),
            ({"ordering": "priority\x00"}, "ordering", "is no ordering"),
            ({"page_size": "0"}, "page_size", "1 or more"),
            ({"page_size": "-1"}, "page_size", "1 or more"),
            ({"page_size": "many"}, "page_size", "whole number"),
            ({"page_size": "1e3"}, "page_size", "whole number"),
            ({"page_size": "²"}, "page_size", "whole number"),
            ({"limit": "x"}, "limit", "whole number"),
            ({"skip": "10001"}, "skip", "follow `next`"),
            ({"skip": "9" * 5000}, "skip", "whole number"),
            ({"count": "all"}, "count", "count=exact or count=estimate"),
        ],
    )
    def test_refuse_what_they_cannot_do(self, api, params, field, said):
        assert said in refused(api().get("/tasks", **params), 400, field)


def cursor(*content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


MOMENT = START.isoformat()
DAMAGED = {
    "no base64": "%%%",
    "not ASCII": "é",
    "NUL": "\x00",
    "no JSON": base64.urlsafe_b64encode(b"nothing").decode(),
    "no list": cursor()[:-1],
    "another shape": base64.urlsafe_b64encode(b'{"a": 1}').decode(),
    "a deep list": base64.urlsafe_b64encode(b"[" * 3000).decode(),
    "cut off": cursor("-created_at", [MOMENT, "a"], False)[:-5],
    "too few values": cursor("-created_at", [MOMENT], False),
    "no direction": cursor("-created_at", [MOMENT, "a"], "no"),
    "null": cursor("-created_at", [None, "a"], False),
    "no moment": cursor("-created_at", ["yesterday", "a"], False),
    "a number for a moment": cursor("-created_at", [5, "a"], False),
    "a moment without zone": cursor("-created_at", ["2026-01-01T00:00:00", "a"], False),
    "a moment beyond the calendar": cursor("-created_at", ["0001-01-01T00:00:00+14:00", "a"], False),
    "NUL in the key": cursor("-created_at", [MOMENT, "\x00"], False),
    "a lone surrogate": cursor("-created_at", [MOMENT, "\ud800"], False),
    "another ordering": cursor("priority", [1, "a"], False),
}


class TestADamagedCursor:
    """A cursor comes from a page; anything else is refused with the way out."""

    @pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
    def test_is_refused(self, api, text):
        assert "anew" in refused(api().get("/tasks", cursor=text), 400, "cursor")

    @pytest.mark.parametrize("value", [10**30, -(10**30), {}, [], "x", float("inf"), float("nan"), True])
    def test_never_fails_at_a_number(self, api, value):
        answer = api().get("/tasks", ordering="priority", cursor=cursor("priority", [value, "a"], False))

        assert answer.status_code in (200, 400)
