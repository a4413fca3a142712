import pytest

from hopper.common.errors import Invalid
from hopper.events.models import Event
from instances.tests.factories import InstanceFactory
from routing.models import Delegation
from routing.operations import change_delegation, create_delegation, delete_delegation
from tasks.operations import delete_task
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hop():
    task, source, target = TaskFactory(), InstanceFactory(), InstanceFactory()
    return create_delegation(task=task, source_instance=source, target_instance=target, actor="ada")


class TestADelegation:
    def test_is_open_when_it_is_made(self, hop):
        assert (hop.status, hop.delegation_type) == (Delegation.Status.PENDING, Delegation.Type.ROUTE)
        assert Delegation.objects.open().get() == hop
        assert Event.objects.about(hop).get().type == "delegation.created"

    def test_never_leads_back_to_its_source(self, hop):
        with pytest.raises(Invalid, match="An instance cannot delegate to itself"):
            create_delegation(
                task=TaskFactory(),
                source_instance=hop.source_instance,
                target_instance=hop.source_instance,
                actor="ada",
            )

    def test_is_the_only_open_one_of_its_source(self, hop):
        with pytest.raises(Invalid, match="This instance has handed the task on already"):
            create_delegation(
                task=hop.task, source_instance=hop.source_instance, target_instance=InstanceFactory(), actor="ada"
            )

    def test_may_go_on_from_its_target(self, hop):
        last = create_delegation(
            task=hop.task, source_instance=hop.target_instance, target_instance=InstanceFactory(), actor="ada"
        )
        assert list(Delegation.objects.of_task(hop.task)) == [hop, last]

    def test_can_be_changed_and_deleted(self, hop):
        assert change_delegation(delegation=hop, reason="too busy", actor="ada").reason == "too busy"
        delete_delegation(delegation=hop, actor="ada")
        assert not Delegation.objects.exists()

    def test_goes_with_its_task(self, hop):
        delete_task(task=hop.task, actor="ada")
        assert not Delegation.objects.exists()
