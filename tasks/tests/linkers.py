"""Six sessions, each a process of its own, for test_concurrency.py: each adds one edge of a circle of six tasks.

They read `{"naive": rounds, "guarded": rounds}`; the tasks are `naive-0-0` to `naive-0-5` and so on. In each round all
begin together; a naive session looks whether its edge would close a circle and writes once all have looked.
"""

from hopper.tests.race import compete

SESSIONS = 6


def link_naively(task, other, together):
    from hopper.common.db.graph import reachable
    from tasks.models import TaskDependency
    from tasks.operations.dependencies import WAITS

    is_circle = task in reachable(other, *WAITS)
    together()
    if not is_circle:
        TaskDependency.objects.create(task_id=task, depends_on_id=other)


def is_linked(task, other, together):
    """Tell whether Hopper let the one wait for the other."""
    from hopper.common.errors import Invalid
    from tasks.models import Task
    from tasks.operations import add_dependency

    rows = [Task.objects.get(pk=key) for key in (task, other)]
    together()
    try:
        add_dependency(task=rows[0], depends_on=rows[1], actor="linker")
    except Invalid:
        return False
    return True


def run(number, wanted, together):
    """Return how often Hopper let this one add its edge."""
    after = (number + 1) % SESSIONS
    for n in range(wanted["naive"]):
        link_naively(f"naive-{n}-{number}", f"naive-{n}-{after}", together)
    return sum(is_linked(f"guarded-{n}-{number}", f"guarded-{n}-{after}", together) for n in range(wanted["guarded"]))


if __name__ == "__main__":
    compete(run, SESSIONS)
