"""Eight claimers, each a process of its own, for test_concurrency.py.

They read `{"naive": [ids], "guarded": [ids]}` and look at every naive task. Once all of them have looked they
claim, and answer with what each claimed by either way.
"""

from django.db import connection

from hopper.tests.race import compete

CLAIMERS, BY_NAME = 8, 10


def look(keys):
    """Return the tasks that a select finds free: the first half of a select-then-update claim."""
    from tasks.models import Task

    return [task for task in Task.objects.filter(pk__in=keys).order_by("pk") if task.status == Task.Status.ROUTED]


def claim_naively(tasks, owner):
    """Claim what was found free without looking again: the second half."""
    from django.utils import timezone

    from tasks.models import Task

    claimed = {"status": Task.Status.CLAIMED, "lease_owner": owner, "lease_until": timezone.now()}
    return [task.pk for task in tasks if Task.objects.filter(pk=task.pk).update(**claimed)]


def claim(keys, owner):
    """Return the ids that this claimer got, each with its fence: the first by name, the rest as they come."""
    from tasks.models import Task
    from tasks.operations import TaskNotClaimable, claim_next, claim_task

    won = []
    for key in keys[:BY_NAME]:
        try:
            won.append(claim_task(task_id=key, owner=owner))
        except TaskNotClaimable:
            continue
    while taken := claim_next(owner=owner, among=Task.objects.filter(pk__in=keys)):
        won += taken
    return [[task.pk, task.fence] for task in won]


def run(number, wanted, together):
    owner = f"claimer {number}"
    free = look(wanted["naive"])
    connection.close()
    together()
    return {"owner": owner, "naive": claim_naively(free, owner), "guarded": claim(wanted["guarded"], owner)}


if __name__ == "__main__":
    compete(run, CLAIMERS)
