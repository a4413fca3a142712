import pytest

from hopper.common.errors import Invalid
from instances.models import Instance
from instances.tests.factories import InstanceFactory
from projects.tests.factories import ProjectFactory
from routing.models import Decision
from routing.operations import assign_task
from routing.tests.factories import make_projects
from tasks.models.task import TransitionNotAllowed
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


class TestAssigning:
    def test_lets_a_person_decide(self):
        instance = InstanceFactory()
        (project,) = make_projects("web", instance=instance)
        task = TaskFactory()
        decision = assign_task(task=task, project=project, actor="ada", reason="she knows")
        assert (decision.project, decision.instance, decision.decided_by) == (project, instance, "human")
        assert (decision.confidence, decision.reasoning) == (1.0, "ada chose web: she knows")

    def test_may_name_an_instance_alone(self):
        instance = InstanceFactory(id="b-1")
        assert assign_task(task=TaskFactory(), instance=instance, actor="ada").instance == instance

    def test_refuses_to_name_nothing(self):
        with pytest.raises(Invalid, match="Name the project or the instance"):
            assign_task(task=TaskFactory(), actor="ada")

    def test_refuses_a_place_that_takes_no_work(self):
        paused = InstanceFactory(name="b", status=Instance.Status.PAUSED)
        for place, why in [
            ({"project": ProjectFactory(name="off", is_active=False)}, "off is inactive"),
            ({"project": ProjectFactory(name="p", instance=paused)}, "p is served by an instance that is paused"),
            ({"instance": paused}, "b is paused"),
        ]:
            with pytest.raises(Invalid, match=why):
                assign_task(task=TaskFactory(), actor="ada", **place)
        assert not Decision.objects.exists()

    def test_refuses_a_task_past_routing(self):
        with pytest.raises(TransitionNotAllowed):
            assign_task(task=TaskFactory(routed=True), project=ProjectFactory(), actor="ada")
