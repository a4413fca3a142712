import pytest
from django.db import transaction

from hopper.common.errors import Gone, Invalid
from hopper.events import operations as log
from hopper.events.models import Event
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from tasks.operations import create_tasks, submit_task

pytestmark = pytest.mark.django_db
ACTOR = {"actor": "ada"}


def versions_of(row):
    return list(Event.objects.about(row).values_list("version", flat=True))


class TestRecordEvent:
    """What happened, in the transaction of the change."""

    def test_says_what_happened_to_whom_by_whom(self):
        row = InstanceFactory(id="a")

        event = log.record_event("instance.seen", row, colour="green", **ACTOR)

        event.refresh_from_db()
        assert (event.type, event.actor, event.payload) == ("instance.seen", "ada", {"colour": "green"})
        assert (event.aggregate_type, event.aggregate_id, event.version) == ("instances.instance", "a", 1)

    def test_takes_the_version_of_the_row(self):
        row = InstanceFactory(version=7)

        log.record_event("instance.seen", row, **ACTOR)

        assert versions_of(row) == [7]

    def test_takes_the_next_above_what_the_log_has_seen(self):
        row = InstanceFactory(version=3)
        for _ in range(3):
            log.record_event("instance.seen", row, **ACTOR)

        assert versions_of(row) == [3, 4, 5]

    def test_keeps_rows_of_different_kinds_apart(self):
        log.record_event("project.seen", ProjectFactory(name="same"), **ACTOR)
        log.record_event("instance.seen", InstanceFactory(id="same"), **ACTOR)

        assert list(Event.objects.values_list("version", flat=True)) == [1, 1]

    def test_leaves_nothing_of_what_was_rolled_back(self):
        row = InstanceFactory()
        with pytest.raises(RuntimeError), transaction.atomic():
            log.record_event("instance.seen", row, **ACTOR)
            raise RuntimeError

        assert not Event.objects.exists()

    def test_rings_once_it_is_committed_and_never_before(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as waiting:
            task = submit_task(title="a", project=ProjectFactory(), **ACTOR)

        task.refresh_from_db()
        assert (task.status, len(waiting)) == ("pending", 1)

    def test_rings_for_nobody_when_many_are_stored_at_once(self, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as waiting:
            create_tasks(rows=[{"title": "a"}, {"title": "b"}], **ACTOR)

        assert waiting == []


class TestChangeRow:
    """One version and one event for each change."""

    def test_says_which_columns_changed(self):
        row = log.change_row(
            InstanceFactory(), kind="instance.changed", changes={"name": "b", "scope": "EVENT"}, **ACTOR
        )

        assert row.version == 2
        assert row.updated_at > row.created_at
        assert Event.objects.get().payload == {"changed": ["name", "scope"]}

    def test_writes_nothing_when_all_stays(self):
        row = InstanceFactory(name="a")

        assert log.change_row(row, kind="instance.changed", changes={"name": "a"}, **ACTOR).version == 1
        assert not Event.objects.exists()

    def test_stands_on_the_row_as_it_now_is(self):
        stale = InstanceFactory(name="a")
        log.change_row(Instance.objects.get(), kind="instance.changed", changes={"description": "kept"}, **ACTOR)

        row = log.change_row(stale, kind="instance.changed", changes={"name": "b"}, **ACTOR)

        assert (row.description, row.version) == ("kept", 3)
        assert versions_of(row) == [2, 3]

    def test_leaves_no_event_when_refused(self):
        with pytest.raises(Invalid):
            log.change_row(InstanceFactory(), kind="instance.changed", changes={"name": ""}, **ACTOR)

        assert not Event.objects.exists()

    def test_says_when_the_row_is_gone(self):
        row = InstanceFactory()
        Instance.objects.all().delete()

        with pytest.raises(Gone, match="is no longer there"):
            log.change_row(row, kind="instance.changed", changes={"name": "b"}, **ACTOR)


class TestCheckRow:
    """Every field at once, each by its name."""

    def test_names_all_that_is_wrong(self):
        with pytest.raises(Invalid) as refusal:
            log.check_row(Instance(name="", scope="MOON", config=[]))

        assert set(refusal.value.errors) == {"name", "scope", "config"}
        assert refusal.value.status == 400
        assert "name:" in str(refusal.value)
