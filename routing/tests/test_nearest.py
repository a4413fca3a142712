"""The nearest are the same on both databases, and as many as there are, whatever filters them."""

import numpy as np
import pytest
from django.db import connection

from projects.tests.factories import ProjectFactory
from routing.models import TaskEmbedding
from tasks.models import Task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
COUNT, DIMENSIONS = 120, 1536
FILTERS = {
    "nothing": (Task.objects.all, lambda n: True),
    "project": (lambda: Task.objects.in_project("web"), lambda n: n % 2 == 0),
    "tags": (lambda: Task.objects.tagged("red", "big"), lambda n: n % 15 == 0),
    "status": (lambda: Task.objects.in_status("blocked"), lambda n: n % 40 == 0),
}


def key(number):
    return f"task-{number:03}"


def embed(vectors, model="one", start=0):
    """Give a task to each vector, or to None."""
    tasks = [
        TaskFactory.build(
            pk=key(n), project_id="web" if n % 2 == 0 else None, status="blocked" if n % 40 == 0 else "pending",
            tags=[tag for tag, every in (("red", 3), ("big", 5)) if n % every == 0],
        )
        for n in range(start, start + len(vectors))
    ]  # fmt: skip
    Task.objects.bulk_create(tasks)
    rows = zip(tasks, vectors, strict=True)
    TaskEmbedding.objects.bulk_create(TaskEmbedding(task=task, model=model, embedding=vector) for task, vector in rows)


def draw(count):
    """Return unit vectors of shape (count, dimensions), the same at every call."""
    vectors = np.random.default_rng(5).standard_normal((count, 8)) @ np.eye(8, DIMENSIONS)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")


def nearest(question, count=10, rows=None, model="one"):
    return (Task.objects.all() if rows is None else rows).nearest_to(question, model=model, count=count)


@pytest.fixture
def space():
    """Tasks all around, and the question, which lies between them."""
    ProjectFactory(name="web")
    *vectors, question = draw(COUNT + 1)
    embed([vector.tolist() for vector in vectors])
    return np.array(vectors), question


class TestTheNearest:
    @pytest.mark.parametrize("name", FILTERS)
    def test_are_those_of_an_exact_comparison(self, space, name):
        rows, matches = FILTERS[name]
        vectors, question = space
        numbers = np.array([n for n in range(COUNT) if matches(n)])
        distances = 1 - vectors[numbers] @ question
        order = distances.argsort()[:10]
        found = nearest(question, rows=rows())
        assert [task.pk for task in found] == [key(n) for n in numbers[order]]
        assert [task.distance for task in found] == pytest.approx(distances[order].tolist(), abs=1e-5)

    def test_keep_to_the_count_and_to_the_vectors_of_the_model(self, space):
        question = space[1]
        embed([question.tolist(), None], model="another", start=COUNT)
        assert len(nearest(question, count=3)) == 3
        assert [task.pk for task in nearest(question, model="another")] == [key(COUNT)]
        assert nearest(question, model="unheard of") == []
        assert nearest(question, rows=Task.objects.in_project("nowhere")) == []
        assert nearest(question, rows=Task.objects.none()) == []

    def test_stand_in_the_order_of_their_keys_where_they_are_equally_far(self, space):
        question = space[1]
        embed([question.tolist()] * 4, start=COUNT)
        found = nearest(question, count=5)
        assert [task.pk for task in found[:4]] == [key(COUNT + n) for n in range(4)]
        assert found[3].distance == pytest.approx(0, abs=1e-6)
        assert found[4].distance > 0.01

    def test_bring_along_what_the_question_asked_for_besides(self, space, django_assert_num_queries):
        (found,) = nearest(space[1], count=1, rows=Task.objects.in_project("web").select_related("project"))
        with django_assert_num_queries(0):
            assert found.project.name == "web"


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite compares with every row")
class TestTheIndex:
    def test_that_gives_up_is_made_good_by_comparing(self, space):
        embed([(-space[1]).tolist()] * 5, model="another", start=COUNT)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL hnsw.iterative_scan = off; SET LOCAL hnsw.ef_search = 10")
        found = nearest(space[1], model="another")
        assert [task.pk for task in found] == [key(COUNT + n) for n in range(5)]
