"""Positions: the one cursor that misses nothing, whatever the order in which writers commit."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopper.events.models import Event, LogEnd
from hopper.events.operations import end_of_log, record_event, stamp_positions
from hopper.tests.race import race
from instances.models import Instance
from instances.tests.factories import InstanceFactory

WRITERS, EACH = 8, 40


def positions():
    return list(Event.objects.order_by("id").values_list("position", flat=True))


@pytest.mark.django_db
class TestStampPositions:
    def test_gives_events_the_next_places_by_age(self):
        row = InstanceFactory()
        for _ in range(3):
            record_event("instance.seen", row, actor="ada")

        assert positions() == [None] * 3
        assert (stamp_positions(), stamp_positions()) == (3, 0)
        assert (positions(), end_of_log()) == ([1, 2, 3], 3)

    def test_goes_on_where_it_was_after_a_flush_took_the_row(self):
        row = InstanceFactory()
        record_event("instance.seen", row, actor="ada")
        stamp_positions()
        LogEnd.objects.all().delete()
        record_event("instance.seen", row, actor="ada")

        assert (end_of_log(), stamp_positions(), end_of_log()) == (0, 1, 2)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(steps=st.lists(st.one_of(st.tuples(st.just("write"), st.integers(1, 5)),
                                    st.tuples(st.just("stamp"), st.integers(1, 4))), max_size=12))  # fmt: skip
    def test_leaves_no_gap_and_never_moves_one(self, steps):
        Event.objects.all().delete()
        LogEnd.objects.all().delete()
        row, before = Instance.objects.first() or InstanceFactory(), []
        for verb, count in steps:
            if verb == "write":
                for _ in range(count):
                    record_event("instance.seen", row, actor="ada")
            else:
                stamp_positions(batch=count)
                assert positions() == list(range(1, Event.objects.count() + 1))
            given = [place for place in positions() if place]
            assert given[: len(before)] == before
            before = given
        assert end_of_log() == len(before)


@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time: ids commit in order")
class TestManyWritersAndStampers:
    def test_lose_and_swap_nothing_where_a_reader_by_id_does(self, shared_url):
        for number in range(4):
            InstanceFactory(id=f"row-{number}")

        said = race("hopper.events.tests.stampers", shared_url(), each=EACH)

        (reader,) = [answer for answer in said if answer]
        assert reader["by_id"] < reader["written"]
        assert reader["by_position"] == list(range(reader["first"], reader["first"] + WRITERS * EACH))
        assert reader["versions_in_order"]
