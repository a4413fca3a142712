"""Three processes that carry into the graph, as relays and workers do; each that is killed is replaced by a new one.

`python -m sync.tests.carrier`. They are forked, as Django takes longer to start than they live. A batch is so small
that a kill meets one under way, and a lease so short that nobody waits long for what a killed one held.
"""

import os
import signal
import sys
import time
from datetime import timedelta

import django

WORKERS, BATCH, LEASE = 3, 5, timedelta(seconds=5)


def carry():
    from hopper.events.operations import drain
    from sync.operations import mirroring

    while True:
        drain(mirroring.CONSUMER, mirroring._take_in, batch=BATCH, lease=LEASE)
        time.sleep(0.2)


def start():
    if os.fork() == 0:
        carry()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hopper.settings")
    django.setup()
    from sync.graph.neo4j import mirror  # noqa: F401 - loaded once for all

    for _ in range(WORKERS):
        start()
    while os.waitstatus_to_exitcode(os.wait()[1]) == -signal.SIGKILL:
        start()
    sys.exit("A carrier ended by itself.")
