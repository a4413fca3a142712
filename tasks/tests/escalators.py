"""Eight beats at the same moment, each a process of its own, for test_escalation.py.

They look which naive tasks nobody has been told of, and tell once all have looked; then each escalates by our way.
"""

from hopper.tests.race import compete

BEATS = 8


def run(number, wanted, looked):
    from hopper.events.models import Event
    from tasks.models import Task
    from tasks.operations import escalate_tasks

    told = Event.objects.filter(type="told").values("aggregate_id")
    untold = list(Task.objects.filter(pk__in=wanted["naive"]).exclude(pk__in=told))
    looked()
    for task in untold:
        subject = {"aggregate_type": "tasks.task", "aggregate_id": task.pk, "version": 100 + number}
        Event.objects.create(type="told", actor=f"beat {number}", **subject)
    return escalate_tasks().get("notify", 0)


if __name__ == "__main__":
    compete(run, BEATS)
