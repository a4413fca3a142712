"""Four sessions, each a process of its own, for test_delegation_races.py: they end, fail, hand on and take back.

They read `{"naive": rounds, "guarded": rounds}`. In each round all four begin together, at the two parts `a` and `b` of
a whole; which of them does what turns with the round. A naive session ends a part without locking it.
"""

from collections import Counter

from hopper.tests.race import compete

SESSIONS = 4


def end_naively(part, number, together):
    """Close the hops that were open when it looked, and tell of each."""
    from hopper.events.models import Event
    from routing.models import Delegation

    hops = list(Delegation.objects.of_task(part).open())
    together()
    for hop in hops:
        Delegation.objects.filter(pk=hop.pk).update(status="completed")
        Event.objects.create(
            type="delegation.completed", actor="naive", aggregate_type="routing.delegation", aggregate_id=hop.pk,
            version=number + 2,
        )  # fmt: skip


def hop_of(part, source):
    from routing.models import Delegation

    return Delegation.objects.get(task=part, source_instance=source)


def complete(way, n):
    from routing.operations import complete_delegation

    complete_delegation(delegation=hop_of(f"{way}-a-{n}", "web"), actor="one")


def end(way, n):
    """Complete one part, or fail it every third time."""
    from tasks.operations import claim_task, complete_task, fail_task

    held = claim_task(task_id=f"{way}-b-{n}", owner="two")
    verb = complete_task if n % 3 else fail_task
    verb(task_id=held.pk, fence=held.fence, owner="two", actor="two")


def take_back(way, n):
    """Take one part back to the top, or cancel the whole every fifth time."""
    from routing.operations import cancel_delegation
    from tasks.models import Task
    from tasks.operations import cancel_task

    if n % 5:
        cancel_delegation(delegation=hop_of(f"{way}-a-{n}", "top"), actor="three")
    else:
        cancel_task(task=Task.objects.get(pk=f"{way}-whole-{n}"), actor="three")


def hand_on(way, n):
    """Hand the whole, which waits for its parts, to another instance."""
    from instances.models import Instance
    from routing.operations import accept_delegation, delegate_task
    from tasks.models import Task

    whole, target = Task.objects.get(pk=f"{way}-whole-{n}"), Instance.objects.get(pk="data")
    accept_delegation(
        delegation=delegate_task(task=whole, target=target, delegation_type="reassign", actor="four"), actor="four"
    )


def run(number, wanted, together):
    """Return how often this one was let, refused, and hit by the database."""
    from django.db import DatabaseError

    from hopper.common.errors import HopperError

    for n in range(wanted["naive"]):
        end_naively(f"naive-a-{n}", number, together)
    met = Counter()
    for n in range(wanted["guarded"]):
        act = (complete, end, take_back, hand_on)[(number + n) % SESSIONS]
        together()
        try:
            act("guarded", n)
            met[act.__name__] += 1
        except HopperError:
            met["refused"] += 1
        except DatabaseError as error:
            met[f"{type(error).__name__}: {error}"] += 1
    return met


if __name__ == "__main__":
    compete(run, SESSIONS)
