"""Giving events their place in the log after their commit, one process at a time: readers miss none (ADR 28)."""

from django.db import connection, transaction
from django.db.models import F, Max

from hopper.events.models import Event, LogEnd

BATCH = 200
MOST_BATCHES = 100  # in one call; the next call goes on
STAMP = """
    UPDATE events SET position = %s + oldest.place
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM events WHERE position IS NULL ORDER BY id LIMIT %s)
        AS oldest
    WHERE events.id = oldest.id
"""


def stamp_positions(*, batch: int = BATCH) -> int:
    """Give every committed event without a position the next one, oldest first; return how many.

    Whoever reads the log calls this first, so that it sees what it has just written. It never waits: while another
    process is stamping it returns 0.
    """
    stamped = 0
    for _ in range(MOST_BATCHES):
        if not Event.objects.unstamped().exists():  # without a transaction, which SQLite would make wait its turn
            break
        given = _stamp_oldest(batch)
        stamped += given
        if given < batch:
            break
    return stamped


def end_of_log() -> int:
    """Return the last position that was given, 0 in an empty log."""
    return LogEnd.objects.values_list("position", flat=True).first() or 0


@transaction.atomic
def _stamp_oldest(batch: int) -> int:
    """Stamp as many under the lock of the one row: positions become visible in order and without gaps."""
    end = _lock_end()
    if end is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(STAMP, [end.position, batch])
        stamped = cursor.rowcount
    LogEnd.objects.filter(pk=end.pk).update(position=F("position") + stamped)
    return stamped


def _lock_end() -> LogEnd | None:
    """Return the row, locked, or None while another stamper holds it; after a `flush` it is made anew."""
    ends = LogEnd.objects.select_for_update(skip_locked=True)
    end = ends.first()
    if end is None and not LogEnd.objects.exists():
        last = Event.objects.aggregate(last=Max("position"))["last"] or 0
        LogEnd.objects.bulk_create([LogEnd(position=last)], ignore_conflicts=True)
        end = ends.first()
    return end
