"""The ways to score a candidate; each is one factor of the decision."""

from routing.strategies.capability import Boost, Capability, Proven
from routing.strategies.learned import Learned
from routing.strategies.load import Velocity, Workload
from routing.strategies.patterns import Known, PatternBook, Patterns

__all__ = ["Boost", "Capability", "Known", "Learned", "PatternBook", "Patterns", "Proven", "Velocity", "Workload"]
