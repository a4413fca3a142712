"""The ways to score a candidate; each is one factor of the decision."""

from routing.strategies.advice import Advised, Counsel
from routing.strategies.affinity import Affinity
from routing.strategies.capability import Boost, Capability, Proven
from routing.strategies.history import Fortune
from routing.strategies.learned import Learned, Recollection
from routing.strategies.load import Velocity, Workload
from routing.strategies.patterns import Known, PatternBook, Patterns

__all__ = [
    "Advised",
    "Affinity",
    "Boost",
    "Capability",
    "Counsel",
    "Fortune",
    "Known",
    "Learned",
    "PatternBook",
    "Patterns",
    "Proven",
    "Recollection",
    "Velocity",
    "Workload",
]
