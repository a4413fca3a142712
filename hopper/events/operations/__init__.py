"""Writing rows with their events, and carrying the news to whoever waits for it."""

from hopper.events.operations.carrying import DeliveryFailed, drain
from hopper.events.operations.deliveries import NotDead, purge_deliveries, retry_delivery, schedule
from hopper.events.operations.positions import end_of_log, stamp_positions
from hopper.events.operations.rows import (
    HOPPER,
    StillInUse,
    change_row,
    check_row,
    create_row,
    delete_row,
    lock_row,
    record_event,
    record_events,
    save_row,
)
from hopper.events.operations.traffic import Traffic, traffic

__all__ = [
    "HOPPER",
    "DeliveryFailed",
    "NotDead",
    "StillInUse",
    "Traffic",
    "change_row",
    "check_row",
    "create_row",
    "delete_row",
    "drain",
    "end_of_log",
    "lock_row",
    "purge_deliveries",
    "record_event",
    "record_events",
    "retry_delivery",
    "save_row",
    "schedule",
    "stamp_positions",
    "traffic",
]
