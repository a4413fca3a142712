"""Four writers, each a process of its own, for test_stream.py; they read `{"each": events a writer}`."""

from django.db import connection, transaction

from hopper.tests.race import compete

WRITERS = 4


def run(number, wanted, together):
    from hopper.events.operations import lock_row, record_event
    from instances.models import Instance

    connection.close()
    together()
    for _ in range(wanted["each"]):
        with transaction.atomic():
            record_event("instance.seen", lock_row(Instance(pk=f"row-{number}")), actor=f"writer {number}")
    return wanted["each"]


if __name__ == "__main__":
    compete(run, WRITERS)
