"""Everything one decision stands on, read before any transaction opens."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings

from routing.learning.memory import Memory
from routing.operations import loading
from routing.operations.reading import meaning_of
from routing.operations.workload import last_chosen, load_queues, load_workload
from routing.policy.decide import decide
from routing.policy.types import Choice, Strategy, TaskView
from routing.policy.view import PolicyView
from routing.strategies import (
    Advised,
    Affinity,
    Boost,
    Capability,
    Counsel,
    Fortune,
    Learned,
    Patterns,
    Recollection,
    Velocity,
    Workload,
)


@dataclass(frozen=True)
class Dossier:
    """What is known besides the task; `milliseconds` is how long reading it took."""

    knowledge: loading.Knowledge = field(default_factory=loading.Knowledge)
    workload: dict[str, int] = field(default_factory=dict)
    queues: dict[str, datetime] = field(default_factory=dict)
    milliseconds: float = 0.0
    counsels: Sequence[Counsel] = ()
    recent: Mapping[str, str] = field(default_factory=dict)

    @property
    def policy(self) -> PolicyView:
        return self.knowledge.policy

    @property
    def memory(self) -> Memory:
        return self.knowledge.memory

    def strategies(self, view: TaskView) -> Sequence[Strategy]:
        """Return the factors; what the task means is read here, where the model has learned meanings."""
        return (
            Capability(use_mentions=not self.memory.is_fitted, proven=self.knowledge.proven), *self._learned(view),
            Workload(self.workload, self._ages(view)), Velocity(), Boost(), Affinity(self.recent),
            *(Advised(counsel) for counsel in self.counsels),
        )  # fmt: skip

    def _ages(self, view: TaskView) -> dict[str, float]:
        """Return the age of the oldest open task by project, in days, when the task is decided."""
        return {name: (view.at - began.timestamp()) / loading.SECONDS_A_DAY for name, began in self.queues.items()}

    def _learned(self, view: TaskView) -> Sequence[Strategy]:
        if settings.ROUTING_STRATEGY == "rules":
            return ()
        recollection = Recollection(self.memory, meaning_of(view, encoder=self.memory.encoder))
        return Learned(recollection), Fortune(recollection, self.knowledge.history)

    def decide(self, view: TaskView) -> tuple[Choice, float]:
        """Return the choice and the milliseconds it took; of equals the one whose turn is longest ago goes first."""
        begun = time.perf_counter()
        patterns = Patterns(self.knowledge.patterns.matching(view))
        case = view, self.knowledge.roster, self.policy, (*self.strategies(view), patterns)
        choice = decide(*case, quarantined=patterns.quarantined)
        if choice.is_routed and len(choice.tied) > 1:
            choice = decide(*case, quarantined=patterns.quarantined, order=last_chosen(choice.tied))
        return choice, (time.perf_counter() - begun) * 1000


def open_dossier(*, view: TaskView | None = None) -> Dossier:
    """Read what a decision needs: two small queries while nothing has changed, and every half minute a third.

    The policy is the one that decides about the task, or else that of the house.
    """
    begun = time.perf_counter()
    knowledge, workload, queues = loading.load_knowledge(), load_workload(), load_queues()
    knowledge = knowledge.at(view.instance) if view else knowledge
    return Dossier(knowledge, workload, queues, (time.perf_counter() - begun) * 1000)
