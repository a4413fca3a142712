"""Every question about what routing keeps."""

from routing.querysets.advisers import QuestionQuerySet, TaskAdviceQuerySet
from routing.querysets.decisions import DecisionQuerySet, EpisodeQuerySet, JudgementQuerySet, ScopedByProject
from routing.querysets.learned import (
    ConsolidationQuerySet,
    LearnedStateQuerySet,
    PatternQuerySet,
    TaskEmbeddingQuerySet,
)
from routing.querysets.policies import (
    BacktestQuerySet,
    PolicyQuerySet,
    ProposalQuerySet,
    ShadowQuerySet,
    VersionQuerySet,
)
from routing.querysets.tasks import DelegationQuerySet, DuplicateQuerySet

__all__ = [
    "BacktestQuerySet",
    "ConsolidationQuerySet",
    "DecisionQuerySet",
    "DelegationQuerySet",
    "DuplicateQuerySet",
    "EpisodeQuerySet",
    "JudgementQuerySet",
    "LearnedStateQuerySet",
    "PatternQuerySet",
    "PolicyQuerySet",
    "ProposalQuerySet",
    "QuestionQuerySet",
    "ScopedByProject",
    "ShadowQuerySet",
    "TaskAdviceQuerySet",
    "TaskEmbeddingQuerySet",
    "VersionQuerySet",
]
