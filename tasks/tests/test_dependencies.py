from itertools import pairwise

import pytest

from hopper.common.errors import Invalid
from hopper.tests.refusals import nothing_stored
from tasks import operations
from tasks.models import Task, TaskDependency
from tasks.tests.factories import TaskFactory
from tasks.tests.steps import ACTOR, kinds

pytestmark = pytest.mark.django_db


class TestDependencies:
    """What waits for what, without circles."""

    def chain(self, *keys):
        tasks = [TaskFactory(id=key) for key in keys]
        for task, first in pairwise(tasks):
            operations.add_dependency(task=task, depends_on=first, **ACTOR)
        return tasks

    def test_are_events_of_the_task_that_waits(self):
        task, first = self.chain("a", "b")

        operations.remove_dependency(task=task, depends_on=first, **ACTOR)
        operations.remove_dependency(task=task, depends_on=first, **ACTOR)

        assert kinds(task) == ["task.dependency_added", "task.dependency_removed"]
        assert kinds(first) == []

    @pytest.mark.parametrize("ends", [("c", "a"), ("b", "a"), ("a", "a")])
    def test_never_close_a_circle(self, ends):
        tasks = dict(zip("abc", self.chain("a", "b", "c"), strict=True))

        with nothing_stored(), pytest.raises(Invalid, match="neither could ever start"):
            operations.add_dependency(task=tasks[ends[0]], depends_on=tasks[ends[1]], **ACTOR)

    def test_never_close_a_circle_by_a_list(self):
        tasks = self.chain("a", "b", "c")

        with nothing_stored(), pytest.raises(Invalid, match="neither could ever start"):
            operations.change_task(task=tasks[2], depends_on=["a"], **ACTOR)

    def test_never_close_a_circle_by_a_change(self):
        self.chain("a", "b", "c")
        edge = TaskDependency.objects.get(task="a")

        with nothing_stored(), pytest.raises(Invalid):
            operations.change_dependency(dependency=edge, task=Task.objects.get(pk="c"), **ACTOR)

        assert TaskDependency.objects.filter(task="a", depends_on="b").exists()

    def test_stand_once(self):
        task, first = self.chain("a", "b")

        with nothing_stored(), pytest.raises(Invalid, match="waits for that one already"):
            operations.add_dependency(task=task, depends_on=first, **ACTOR)
