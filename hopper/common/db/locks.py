"""What the databases say when a lock was waited for too long."""

from django.db import OperationalError

LOCK_NOT_AVAILABLE = "55P03"


def waited_too_long(error: OperationalError) -> bool:
    """Tell whether the error is that somebody else kept a lock beyond `lock_timeout`, or SQLite's `timeout`."""
    cause = error.__cause__
    said = (getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None))
    return LOCK_NOT_AVAILABLE in said or "SQLITE_BUSY" in said
