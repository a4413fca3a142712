import pytest

from hopper.common.errors import Invalid
from hopper.events.models import Event
from hopper.events.operations import StillInUse
from hopper.tests.refusals import nothing_stored
from projects import operations
from projects.models import Project
from projects.tests.factories import ProjectFactory
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db
ACTOR = {"actor": "ada"}


class TestRegisterProject:
    """Making a destination known."""

    def test_stores_it_with_its_event(self):
        made = operations.register_project(name="Sark Server", capabilities=["python"], tags=["API"], **ACTOR)

        assert (made.slug, made.version, made.created_by, made.tags) == ("sark-server", 1, "ada", ["api"])
        event = Event.objects.get()
        assert (event.type, event.aggregate_id, event.payload) == (
            "project.registered", "Sark Server", {"name": "Sark Server"},
        )  # fmt: skip

    @pytest.mark.parametrize(("name", "slug"), [("日本", "e697a5e69cac"), ("Müller & Co", "muller-co")])
    def test_finds_a_slug_in_any_name(self, name, slug):
        assert operations.register_project(name=name, **ACTOR).slug == slug

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"), ({"name": "a/b"}, "name"), ({"name": "active"}, "name"),
            ({"name": "Register"}, "name"),
            ({"name": "x" * 101}, "name"), ({"name": "a\nb"}, "name"), ({"slug": "a b"}, "slug"),
            ({"slug": "active"}, "slug"), ({"capabilities": {"python": 9}}, "capabilities"), ({"tags": ["'"]}, "tags"),
            ({"sla": {"speed": 1}}, "sla"), ({"priority_boost": {"urgent": -1}}, "priority_boost"),
            ({"capacity_cost": []}, "capacity_cost"), ({"executor_config": []}, "executor_config"),
            ({"velocity": "warp"}, "velocity"), ({"webhook_url": "javascript:alert(1)"}, "webhook_url"),
            ({"api_endpoint": "ftp://x"}, "api_endpoint"), ({"sync_config": "x"}, "sync_config"),
        ],
    )  # fmt: skip
    def test_names_the_field_that_breaks_a_rule(self, fields, field):
        with nothing_stored(), pytest.raises(Invalid) as refusal:
            operations.register_project(**{"name": "sark", **fields}, **ACTOR)

        assert field in refusal.value.errors

    @pytest.mark.parametrize("twin", [{"name": "sark", "slug": "other"}, {"name": "other", "slug": "sark"}])
    def test_refuses_a_twin(self, twin):
        ProjectFactory(name="sark")

        with nothing_stored(), pytest.raises(Invalid):
            operations.register_project(**twin, **ACTOR)

    def test_keeps_an_executor_type_of_the_operators_own(self):
        assert operations.register_project(name="a", executor_type="robot", **ACTOR).executor_type == "robot"


class TestChangeProject:
    """Changing what a project can do."""

    def test_tells_what_changed(self):
        changed = operations.change_project(project=ProjectFactory(), capacity=3, is_active=True, **ACTOR)

        assert (changed.capacity, changed.version) == (3, 2)
        assert Event.objects.get().payload == {"changed": ["capacity"]}

    def test_never_changes_the_name(self):
        project = ProjectFactory(name="sark")

        with nothing_stored(), pytest.raises(Invalid, match="never changes"):
            operations.change_project(project=project, name="kras", **ACTOR)
        assert operations.change_project(project=project, name="sark", **ACTOR).version == 1


class TestDeleteProject:
    """Deleting what nothing stands on."""

    def test_keeps_its_events(self):
        operations.delete_project(project=ProjectFactory(name="sark"), **ACTOR)

        assert not Project.objects.exists()
        assert Event.objects.get().type == "project.deleted"

    def test_refuses_while_tasks_stand_on_it(self):
        project = TaskFactory(routed=True).project

        with nothing_stored(), pytest.raises(StillInUse, match="still has tasks"):
            operations.delete_project(project=project, **ACTOR)
