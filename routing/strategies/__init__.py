"""The ways to score a candidate; each is one factor of the decision."""

from routing.strategies.advice import Advised, Counsel
from routing.strategies.affinity import Affinity
from routing.strategies.capability import Boost, Capability
from routing.strategies.learned import Learned
from routing.strategies.load import Velocity, Workload

__all__ = ["Advised", "Affinity", "Boost", "Capability", "Counsel", "Learned", "Velocity", "Workload"]
