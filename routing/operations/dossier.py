"""Everything one decision stands on, read before any transaction opens."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from routing.learning.memory import Memory
from routing.operations import loading
from routing.operations.reading import meaning_of
from routing.policy.decide import decide
from routing.policy.types import Choice, Strategy, TaskView
from routing.policy.view import PolicyView
from routing.strategies import Boost, Capability, Learned, Patterns, Velocity, Workload


@dataclass(frozen=True)
class Dossier:
    """What is known besides the task; `milliseconds` is how long reading it took."""

    knowledge: loading.Knowledge = field(default_factory=loading.Knowledge)
    workload: dict[str, int] = field(default_factory=dict)
    milliseconds: float = 0.0

    @property
    def policy(self) -> PolicyView:
        return self.knowledge.policy

    @property
    def memory(self) -> Memory:
        return self.knowledge.memory

    def strategies(self, view: TaskView) -> Sequence[Strategy]:
        """Return the factors; what the task means is read here, where the model has learned meanings."""
        meaning = meaning_of(view, encoder=self.memory.encoder)
        return (
            Capability(use_mentions=not self.memory.is_fitted, proven=self.knowledge.proven),
            Learned(self.memory, meaning), Workload(self.workload), Velocity(), Boost(),
        )  # fmt: skip

    def decide(self, view: TaskView) -> tuple[Choice, float]:
        """Return the choice and the milliseconds it took; of equals the one whose turn is longest ago goes first."""
        begun = time.perf_counter()
        patterns = Patterns(self.knowledge.patterns.matching(view))
        case = view, self.knowledge.roster, self.policy, (*self.strategies(view), patterns)
        choice = decide(*case, quarantined=patterns.quarantined)
        if choice.is_routed and len(choice.tied) > 1:
            choice = decide(*case, quarantined=patterns.quarantined, order=loading.last_chosen(choice.tied))
        return choice, (time.perf_counter() - begun) * 1000


def open_dossier() -> Dossier:
    """Read what a decision needs: two small queries while nothing has changed."""
    begun = time.perf_counter()
    knowledge, workload = loading.load_knowledge(), loading.load_workload()
    return Dossier(knowledge, workload, (time.perf_counter() - begun) * 1000)
