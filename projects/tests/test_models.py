import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from projects.models import Project, check_factors, check_object, check_sla
from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory


class TestChecks:
    """What the JSON columns may hold."""

    @pytest.mark.parametrize("sla", [{}, {"response_time": "4h"}, {"response_time": "PT4H", "completion_time": "2w"}])
    def test_take_an_sla(self, sla):
        check_sla(sla)

    @pytest.mark.parametrize("sla", [[], None, "4h", {"speed": "4h"}, {"response_time": 4}, {"response_time": "soon"}])
    def test_refuse_another_sla(self, sla):
        with pytest.raises(ValidationError):
            check_sla(sla)

    @pytest.mark.parametrize("factors", [{}, {"urgent": 2.0, "security": 1}, {"urgent": 10}])
    def test_take_factors(self, factors):
        check_factors(factors)

    @pytest.mark.parametrize(
        "factors", [[], None, {"a": 0}, {"a": -1}, {"a": 10.1}, {"a": True}, {"a": "2"}, {"a": 1e308}, {"a": 10**400}]
    )
    def test_refuse_other_factors(self, factors):
        with pytest.raises(ValidationError):
            check_factors(factors)

    @pytest.mark.parametrize("value", [[], None, "x", 5])
    def test_refuse_what_is_no_object(self, value):
        with pytest.raises(ValidationError, match="Send an object"):
            check_object(value)


@pytest.mark.django_db
class TestTheTable:
    """What holds whoever writes."""

    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("project_name_is_not_empty", {"name": ""}),
            ("project_name_is_not_empty", {"name": "x" * 101}),
            ("project_velocity_is_known", {"velocity": "warp"}),
        ],
    )
    def test_refuses(self, name, fields):
        with pytest.raises(DatabaseError, match=f"{name}|value too long"), transaction.atomic():
            ProjectFactory(**{"slug": "a", **fields})

    def test_holds_one_project_a_slug(self):
        ProjectFactory(slug="a")

        with pytest.raises(IntegrityError), transaction.atomic():
            ProjectFactory(slug="a")


def names(rows):
    return sorted(row.pk for row in rows)


@pytest.mark.django_db
class TestQuestions:
    """The catalogue of questions about projects."""

    def test_find_by_slug(self):
        ProjectFactory(name="Sark Server", slug="sark")

        assert Project.objects.get(slug="sark").pk == "Sark Server"

    def test_find_by_what_they_can_do(self):
        ProjectFactory(name="both", capabilities={"python": 1, "go": 5})
        ProjectFactory(name="one", capabilities={"python": 5}, tags=["api"])

        assert names(Project.objects.able_to("python", "go")) == ["both"]
        assert names(Project.objects.able_to()) == ["both", "one"]
        assert names(Project.objects.tagged("api")) == ["one"]

    def test_find_those_with_work_each_once(self):
        busy = ProjectFactory(name="busy")
        TaskFactory.create_batch(2, routed=True, project=busy)
        TaskFactory(routed=True, project=ProjectFactory(), status="completed", finished_at=timezone.now())
        ProjectFactory(is_active=False)

        assert [row.pk for row in Project.objects.with_active_tasks()] == ["busy"]
        assert Project.objects.active().count() == 2

    def test_count_by_status(self):
        project = ProjectFactory()
        TaskFactory.create_batch(2, routed=True, project=project)
        TaskFactory(project=project)

        row = Project.objects.with_statistics().get()
        assert (row.total_tasks, row.routed_tasks, row.pending_tasks, row.failed_tasks) == (3, 2, 1, 0)

    def test_find_by_words(self):
        ProjectFactory(name="Sark", repository="https://example.org/SARK/server")
        ProjectFactory(name="czarina")

        assert names(Project.objects.search("sark server")) == ["Sark"]
