"""Decisions, their history, what was learned from it, and what is written down as policy."""

from routing.models.consolidation import ConsolidationRun
from routing.models.decision import DecidedBy, Decision
from routing.models.delegation import Delegation
from routing.models.duplicate import Duplicate
from routing.models.embedding import EpisodeEmbedding, PatternEmbedding, TaskEmbedding
from routing.models.episode import Episode, EpisodeJudgement
from routing.models.learned import AttentionWeight, LearnedState
from routing.models.pattern import Pattern, PatternEvidence
from routing.models.policy import Policy, PolicyVersion
from routing.models.trial import Backtest, Proposal, ShadowChoice
from routing.models.usage import EmbeddingUsage

__all__ = [
    "AttentionWeight",
    "Backtest",
    "ConsolidationRun",
    "DecidedBy",
    "Decision",
    "Delegation",
    "Duplicate",
    "EmbeddingUsage",
    "Episode",
    "EpisodeEmbedding",
    "EpisodeJudgement",
    "LearnedState",
    "Pattern",
    "PatternEmbedding",
    "PatternEvidence",
    "Policy",
    "PolicyVersion",
    "Proposal",
    "ShadowChoice",
    "TaskEmbedding",
]
