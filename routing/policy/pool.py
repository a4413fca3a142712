"""How the evidence of one task becomes shares of the candidates (ADR 0005).

Log-odds of the strategies are added and turned into shares over the candidates that remain, `elsewhere` being the
share of places that are none of them. A rule that votes with strength s takes the share s for its project and leaves
the rest to the other evidence: `P = S·r + (1 − S)·q` with `S = 1 − Π(1 − s)` over the projects voted for and
`r ∝ s/(1 − s)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from routing.policy.matching import Filtered
from routing.policy.rules import Verdict
from routing.policy.types import Floats, Roster, Say
from routing.policy.view import PolicyView

SUREST_RULE = 0.99
LARGEST_ODDS = 60


@dataclass(frozen=True)
class LearnedSay(Say):
    """What was learned: besides its odds it knows how much belongs to places that are not candidates."""

    outside: float = 0.0
    is_known: bool = True
    neighbours: tuple[dict[str, Any], ...] = ()
    experts: Mapping[str, Any] = field(default_factory=dict)

    def elsewhere(self, filtered: Filtered) -> float:
        """Return the mass of other places; that of an unfit candidate is dropped: the task cannot be its."""
        return self.outside + float(self.scores[~filtered.kept & ~filtered.unfit].sum())


@dataclass(frozen=True)
class Case:
    """All that speaks about one task; what is left is to weigh it and to choose.

    `others` is the mass of candidates that are known to remain but not by name, as when a decision is replayed from
    its record. `order` settles ties of equal load: the smaller number goes first, and then the name. `seed` is what
    exploration draws by: the task's own key, so that the same task meets the same place.
    """

    roster: Roster
    policy: PolicyView
    verdict: Verdict
    filtered: Filtered
    says: Sequence[Say]
    others: float = 0.0
    order: Mapping[str, float] = field(default_factory=dict)
    priority: str = "medium"
    seed: str = ""

    @property
    def said_learned(self) -> LearnedSay | None:
        """What was learned, whatever the policy makes of it."""
        return next((say for say in self.says if isinstance(say, LearnedSay)), None)

    @property
    def learned(self) -> LearnedSay | None:
        """What was learned, unless the policy gives it no weight."""
        said = self.said_learned
        return said if said and self.policy.weight(said.factor) else None

    @property
    def load(self) -> Floats:
        """How busy each candidate is, as far as the strategies say: 0 is idle."""
        return next((1 - say.scores for say in self.says if say.factor == "workload"), np.zeros(len(self.roster)))

    def odds_of(self, number: int) -> dict[str, float]:
        """Return the unweighted log-odds of a candidate by factor."""
        return {say.factor: float(say.odds[number]) for say in self.says}


@dataclass(frozen=True)
class Belief:
    """Shares over the candidates, 0 for those removed, and what is left for places that are none of them.

    `mass` is what each weighed before it was made a share and the rules spoke.
    """

    shares: Floats
    elsewhere: float
    mass: Floats


def believe(case: Case) -> Belief:
    """Pool what speaks about the task into shares."""
    odds = np.zeros(len(case.roster))
    for say in case.says:
        odds += case.policy.weight(say.factor) * say.odds
    mass = np.where(case.filtered.kept, np.exp(np.clip(odds, -LARGEST_ODDS, LARGEST_ODDS)), 0.0)
    outside = case.learned.elsewhere(case.filtered) if case.learned else 1.0
    total = mass.sum() + case.others + outside
    strengths = _strengths(case)
    if not strengths.any():
        return Belief(mass / total, float(outside / total), mass)
    spoken = 1 - float(np.prod(1 - strengths))
    votes = strengths / (1 - strengths)
    shares = spoken * votes / votes.sum() + (1 - spoken) * mass / total
    return Belief(shares, float((1 - spoken) * outside / total), mass)


def _strengths(case: Case) -> Floats:
    """Return how strongly the rules vote for each remaining candidate."""
    strengths = np.zeros(len(case.roster))
    for project, strength in case.verdict.votes.items():
        number = case.roster.index.get(project)
        if number is not None and case.filtered.kept[number]:
            strengths[number] = min(strength, SUREST_RULE)
    return strengths
