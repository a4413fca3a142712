"""The log, where it ends, what of it is still to be carried somewhere, and who is away."""

from hopper.events.models.delivery import Delivery
from hopper.events.models.event import Event
from hopper.events.models.log_end import LogEnd
from hopper.events.models.outage import Outage

__all__ = ["Delivery", "Event", "LogEnd", "Outage"]
