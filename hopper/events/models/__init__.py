"""The log, and what of it is still to be carried somewhere."""

from hopper.events.models.delivery import Delivery
from hopper.events.models.event import Event

__all__ = ["Delivery", "Event"]
