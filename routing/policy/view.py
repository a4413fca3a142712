"""A policy as routing sees it: rules, factor weights and thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.policy.calibration import Gate
from routing.policy.rules import RuleBook

DEFAULT_THRESHOLD = 0.6
DEFAULT_WEIGHTS = {
    "capability": 1.0, "workload": 0.5, "velocity": 0.5, "boost": 0.5, "learned": 1.0, "llm": 1.0, "sage": 1.0,
    "affinity": 1.0, "pattern": 0.5, "history": 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class PolicyView:
    """A policy version; `number` 0 is the built-in one that has no rules, `instance` None that of the house.

    `explore` is the share by which candidates may differ from the best and still have their turn; 0 is off.
    """

    book: RuleBook = field(default_factory=lambda: RuleBook(()))
    weights: Mapping[str, float] = field(default_factory=dict)
    threshold: float = DEFAULT_THRESHOLD
    thresholds: Mapping[str, float] = field(default_factory=dict)
    explore: float = 0.0
    id: str | None = None
    number: int = 0
    instance: str | None = None

    def needed(self, gate: Gate, priority: str) -> float:
        """Return how sure Hopper must be to send a task of this priority through the gate."""
        return gate.needed(self.thresholds, self.threshold, priority)

    def weight(self, factor: str) -> float:
        return self.weights.get(factor, DEFAULT_WEIGHTS[factor])
