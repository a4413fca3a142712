"""Two sessions, each a process of its own, for test_concurrency.py: one moves A under B, the other B under A.

They read `{"naive": rounds, "guarded": rounds}`; the pairs are `naive-a-0`, `naive-b-0` and so on. In each round both
begin together; a naive mover looks whether the move would close a circle and writes once both have looked.
"""

import json
import multiprocessing
import sys

import django

SESSIONS = 2


def mover(number, rounds, together, answers):
    from hopper.common.errors import Invalid
    from instances.models import Instance
    from instances.operations import change_instance

    own, other = ("ab", "ba")[number]
    moved = 0
    for n in range(rounds["naive"]):
        row, above = f"naive-{own}-{n}", f"naive-{other}-{n}"
        is_below = Instance.objects.descendants_of(row).filter(pk=above).exists()
        together.wait(timeout=60)
        if not is_below:
            Instance.objects.filter(pk=row).update(parent=above)
    for n in range(rounds["guarded"]):
        row, above = (Instance.objects.get(pk=f"guarded-{side}-{n}") for side in (own, other))
        together.wait(timeout=60)
        try:
            change_instance(instance=row, parent=above, actor=f"mover {number}")
            moved += 1
        except Invalid:
            continue
    answers.put(moved)


def main():
    django.setup()
    processes = multiprocessing.get_context("fork")
    together, answers = processes.Barrier(SESSIONS), processes.Queue()
    rounds = json.load(sys.stdin)
    movers = [
        processes.Process(target=mover, args=(n, rounds, together, answers), daemon=True) for n in range(SESSIONS)
    ]
    for one in movers:
        one.start()
    json.dump([answers.get(timeout=90) for _ in movers], sys.stdout)
    for one in movers:
        one.join()


if __name__ == "__main__":
    main()
