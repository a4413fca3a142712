"""Four workers, each a process of its own that is killed three times, for test_order_race.py.

They read `{"log", "naive"}` and carry what waits for the consumer `ordered` to that file, a line for each version. One
in five deliveries fails, before or after it was written. The naive ones are the queue that one would write first: what
waited longest is hidden for a while, and is done or shown again.
"""

import os
import random
from datetime import timedelta

from django.db import connection, transaction

from hopper.tests.race import compete

WORKERS, KILLS, BATCH = 4, 3, 5
LEASE, PAUSE = timedelta(seconds=3), 0.05
FAILING, DYING = 0.2, 0.02
KILLED = 9


class Log:
    """The consumer: a file that several processes append to, and what goes wrong on the way."""

    def __init__(self, path, dice, *, may_die):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.dice, self.may_die = dice, may_die

    def __call__(self, deliveries):
        for delivery in deliveries:
            self.meet_a_fault()
            os.write(self.file, f"{delivery.aggregate_id} {delivery.version}\n".encode())
            self.meet_a_fault()

    def meet_a_fault(self):
        from hopper.events.operations import DeliveryFailed

        if self.may_die and self.dice.random() < DYING / 2:
            os._exit(KILLED)
        if self.dice.random() < FAILING / 2:
            raise DeliveryFailed("by chance", retry_after=PAUSE)


def carry(log):
    from hopper.events.operations import drain

    drain("ordered", log, batch=BATCH, limit=BATCH, lease=LEASE)


def carry_naively(log):
    from hopper.common.db.clock import Now
    from hopper.events.models import Delivery
    from hopper.events.operations import DeliveryFailed

    with transaction.atomic():
        due = Delivery.objects.filter(status="pending", available_at__lte=Now()).order_by("id")
        taken = list(due.select_for_update(skip_locked=True)[:BATCH])
        mine = Delivery.objects.filter(pk__in=[delivery.pk for delivery in taken])
        mine.update(available_at=Now() + LEASE)
    for delivery in taken:
        row = Delivery.objects.filter(pk=delivery.pk)
        try:
            log([delivery])
            row.update(status="done", done_at=Now())
        except DeliveryFailed as error:
            row.update(available_at=Now() + timedelta(seconds=error.retry_after))


def work(number, wanted, *, may_die):
    """Carry until nothing is undone."""
    from hopper.events.models import Delivery

    log = Log(wanted["log"], random.Random(number), may_die=may_die)
    while Delivery.objects.undone().exists():
        (carry_naively if wanted["naive"] else carry)(log)


def run(number, wanted, together):
    """Start the worker, and start it again each time it was killed; return how often that was."""
    together()
    kills = 0
    while True:
        connection.close()
        child = os.fork()
        if child == 0:
            work(number * KILLS + kills, wanted, may_die=kills < KILLS)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != KILLED:
            return kills
        kills += 1


if __name__ == "__main__":
    compete(run, WORKERS)
