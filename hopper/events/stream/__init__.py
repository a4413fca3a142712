"""The live stream: one look at the log a second for all who listen, each at its own place in it."""

from hopper.events.stream.follow import Rhythm, follow
from hopper.events.stream.hub import Hub, end_streams, hub_of_this_loop
from hopper.events.stream.start import HEADER, starting_place, wanted_facts

__all__ = ["HEADER", "Hub", "Rhythm", "end_streams", "follow", "hub_of_this_loop", "starting_place", "wanted_facts"]
