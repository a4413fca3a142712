"""Steps that several tests of tasks take."""

from hopper.events.models import Event
from tasks import operations
from tasks.tests.factories import TaskFactory

ACTOR = {"actor": "ada"}


def kinds(task):
    """The kinds of the task's events, oldest first."""
    return [event.type for event in Event.objects.about(task)]


def held(**fields):
    """A task that ada has claimed."""
    return operations.claim_task(task_id=TaskFactory(routed=True, **fields).pk, owner="ada")
