"""Everything one decision stands on, read before any transaction opens."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from routing.learning.memory import Memory
from routing.operations import loading
from routing.policy.decide import decide
from routing.policy.types import Choice, Strategy, TaskView
from routing.policy.view import PolicyView
from routing.strategies import Boost, Capability, Learned, Velocity, Workload


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

    @property
    def strategies(self) -> Sequence[Strategy]:
        return (
            Capability(use_mentions=not self.memory.is_fitted), Learned(self.memory), Workload(self.workload),
            Velocity(), Boost(),
        )  # fmt: skip

    def decide(self, view: TaskView) -> tuple[Choice, float]:
        """Return the choice and the milliseconds it took; of equals the one whose turn is longest ago goes first."""
        begun = time.perf_counter()
        choice = decide(view, self.knowledge.roster, self.policy, self.strategies)
        if choice.is_routed and len(choice.tied) > 1:
            order = loading.last_chosen(choice.tied)
            choice = decide(view, self.knowledge.roster, self.policy, self.strategies, order=order)
        return choice, (time.perf_counter() - begun) * 1000


def open_dossier() -> Dossier:
    """Read what a decision needs: two small queries while nothing has changed."""
    begun = time.perf_counter()
    knowledge, workload = loading.load_knowledge(), loading.load_workload()
    return Dossier(knowledge, workload, (time.perf_counter() - begun) * 1000)
