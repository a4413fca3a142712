"""Eight writers, three stampers and a reader, each a process of its own, for test_positions.py; PostgreSQL only.

They read `{"each": events a writer}`. Writers keep their transactions open for different times, so that ids commit out
of order. The reader follows the log twice at once: by `position`, and naively by `id`.
"""

import random
from collections import defaultdict

from django.db import connection, transaction

from hopper.tests.race import compete

WRITERS, STAMPERS = 8, 3


def write(number, each):
    from hopper.events.operations import lock_row, record_event
    from instances.models import Instance

    chance = random.Random(number)
    for _ in range(each):
        with transaction.atomic():
            row = lock_row(Instance(pk=f"row-{chance.randrange(4)}"))
            record_event("instance.seen", row, actor=f"writer {number}")
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", [chance.choice([0, 0.002, 0.02])])


def stamp(until):
    from hopper.events.operations import end_of_log, stamp_positions

    while end_of_log() < until:
        stamp_positions(batch=7)


def read(first, until):
    """Follow the log until its last event has a position; a last look by id is too late for what was passed over."""
    from hopper.events.models import Event

    place, key, found, by_id = first - 1, last_id(first), [], set()
    while place < until:
        page = list(Event.objects.since(place)[:50])
        found, place = found + page, page[-1].position if page else place
        seen = list(Event.objects.filter(pk__gt=key).order_by("pk").values_list("pk", flat=True)[:50])
        by_id, key = by_id | set(seen), seen[-1] if seen else key
    by_id |= set(Event.objects.filter(pk__gt=key).values_list("pk", flat=True))
    versions = defaultdict(list)
    for event in found:
        versions[event.aggregate_id].append(event.version)
    return {
        "first": first, "by_position": [event.position for event in found], "by_id": len(by_id), "written": len(found),
        "versions_in_order": all(row == sorted(row) for row in versions.values()),
    }  # fmt: skip


def last_id(first):
    from hopper.events.models import Event

    return Event.objects.filter(position__lt=first).order_by("-pk").values_list("pk", flat=True).first() or 0


def run(number, wanted, together):
    from hopper.events.operations import end_of_log

    first = end_of_log() + 1
    until = first - 1 + WRITERS * wanted["each"]
    connection.close()
    together()
    if number < WRITERS:
        return write(number, wanted["each"])
    return stamp(until) if number < WRITERS + STAMPERS else read(first, until)


if __name__ == "__main__":
    compete(run, WRITERS + STAMPERS + 1)
