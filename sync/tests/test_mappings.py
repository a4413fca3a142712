import pytest

from hopper.common.errors import Invalid
from hopper.events.models import Event
from routing.tests.sql import insert, refuses, unique
from sync.models import ExternalMapping
from sync.operations import change_mapping, create_mapping, delete_mapping
from tasks.operations import delete_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ISSUE = {
    "platform": "github",
    "external_id": "ada/engine#42",
    "external_url": "https://github.com/ada/engine/issues/42",
}


def tie(task, **fields):
    return create_mapping(task=task, actor="ada", **{**ISSUE, **fields})


def identity(task):
    task.refresh_from_db()
    return task.external_platform, task.external_id, task.external_url


class TestAMapping:
    def test_shows_on_its_task(self):
        task = TaskFactory()
        tie(task)
        assert identity(task) == tuple(ISSUE.values())
        assert [event.type for event in Event.objects.about(task)] == ["task.identified"]
        assert ExternalMapping.objects.standing_for(platform="github", external_id="ada/engine#42").get().task == task

    def test_leaves_the_first_one_shown_when_another_platform_joins(self):
        task = TaskFactory()
        tie(task)
        tie(task, platform="gitlab", external_id="ada/engine!7", external_url=None)
        assert identity(task) == tuple(ISSUE.values())
        assert [mapping.platform for mapping in ExternalMapping.objects.of_task(task)] == ["github", "gitlab"]

    def test_keeps_the_task_in_step_when_it_changes(self):
        task = TaskFactory()
        change_mapping(mapping=tie(task), external_id="ada/engine#43", external_url=None, actor="ada")
        assert identity(task) == ("github", "ada/engine#43", None)

    def test_keeps_the_task_in_step_when_it_is_cut(self):
        task = TaskFactory()
        first, second = tie(task), tie(task, platform="gitlab", external_url=None)
        delete_mapping(mapping=first, actor="ada")
        assert identity(task) == ("gitlab", "ada/engine#42", None)
        delete_mapping(mapping=second, actor="ada")
        assert identity(task) == (None, None, None)

    def test_says_nothing_of_the_task_when_what_is_shown_stays(self):
        task = TaskFactory()
        mapping = tie(task)
        change_mapping(mapping=mapping, external_id=mapping.external_id, actor="ada")
        tie(task, platform="gitlab")
        assert Event.objects.about(task).count() == 1

    def test_goes_with_its_task(self):
        task = TaskFactory()
        tie(task)
        delete_task(task=task, actor="ada")
        assert not ExternalMapping.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"platform": "Git Hub"}, "platform"),
            ({"platform": ""}, "platform"),
            ({"external_id": ""}, "external_id"),
            ({"external_id": "x" * 201}, "external_id"),
            ({"external_url": "javascript:alert(1)"}, "external_url"),
        ],
    )
    def test_is_refused_with_the_field_that_is_wrong(self, fields, field):
        with pytest.raises(Invalid) as caught:
            tie(TaskFactory(), **fields)
        assert list(caught.value.errors) == [field]

    def test_is_the_only_one_of_its_task_on_a_platform(self):
        task = TaskFactory()
        tie(task)
        with pytest.raises(Invalid, match="This task has a counterpart on that platform already"):
            tie(task, external_id="ada/engine#43")

    def test_is_the_only_one_that_stands_for_its_counterpart(self):
        tie(TaskFactory())
        with pytest.raises(Invalid, match="Another task stands for that one already"):
            tie(TaskFactory())
        other = tie(TaskFactory(), external_id="ada/engine#43")
        with pytest.raises(Invalid, match="Another task stands for that one already"):
            change_mapping(mapping=other, external_id="ada/engine#42", actor="ada")


class TestTheTable:
    def test_keeps_both_sides_single_by_itself(self):
        one, other = TaskFactory(), TaskFactory()
        row = {"task_id": one.pk, "platform": "github", "external_id": "a#1"}
        insert("external_mappings", **row)
        refuses(
            unique("one_mapping_per_task_and_platform", "external_mappings.task_id"), "external_mappings",
            **row | {"external_id": "a#2"},
        )  # fmt: skip
        refuses(
            unique("one_task_per_external_id", "external_mappings.external_id"), "external_mappings",
            **row | {"task_id": other.pk},
        )  # fmt: skip
