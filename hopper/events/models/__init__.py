"""The log, where it ends, and what of it is still to be carried somewhere."""

from hopper.events.models.delivery import Delivery
from hopper.events.models.event import Event
from hopper.events.models.log_end import LogEnd

__all__ = ["Delivery", "Event", "LogEnd"]
