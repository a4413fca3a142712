"""Two sessions, each a process of its own, for test_concurrency.py: one moves A under B, the other B under A.

They read `{"naive": rounds, "guarded": rounds}`; the pairs are `naive-a-0`, `naive-b-0` and so on. In each round both
begin together; a naive mover looks whether the move would close a circle and writes once both have looked.
"""

from hopper.tests.race import compete

SESSIONS = 2


def move_naively(row, above, together):
    from instances.models import Instance

    is_below = Instance.objects.descendants_of(row).filter(pk=above).exists()
    together()
    if not is_below:
        Instance.objects.filter(pk=row).update(parent=above)


def is_moved(row, above, together):
    """Tell whether Hopper let it move."""
    from hopper.common.errors import Invalid
    from instances.models import Instance
    from instances.operations import change_instance

    rows = [Instance.objects.get(pk=key) for key in (row, above)]
    together()
    try:
        change_instance(instance=rows[0], parent=rows[1], actor="mover")
    except Invalid:
        return False
    return True


def run(number, wanted, together):
    """Return how often Hopper let this one move."""
    own, other = ("ab", "ba")[number]
    for n in range(wanted["naive"]):
        move_naively(f"naive-{own}-{n}", f"naive-{other}-{n}", together)
    return sum(is_moved(f"guarded-{own}-{n}", f"guarded-{other}-{n}", together) for n in range(wanted["guarded"]))


if __name__ == "__main__":
    compete(run, SESSIONS)
