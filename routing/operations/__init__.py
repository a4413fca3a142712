"""Everything that decides, remembers and learns."""

from routing.embedding import EmbeddingFailed, get_embedder
from routing.embedding.fetch import fetch_model
from routing.operations.advising import advise_on, advise_waiting, answer_as_sage, is_sage
from routing.operations.attention import reset_attention
from routing.operations.backtests import backtest_version, why_untested
from routing.operations.calibrating import calibrate_if_due, fit_curves
from routing.operations.chains import chain_of
from routing.operations.consolidating import (
    AlreadyConsolidating,
    consolidate,
    consolidate_wanted,
    request_consolidation,
)
from routing.operations.deciding import (
    Dossier,
    assign_task,
    open_dossier,
    route_task,
    route_waiting,
    suggest_for,
)
from routing.operations.delegations import change_delegation, delegate_task, delete_delegation, split_task
from routing.operations.duplicates import NoDuplicate, settle_duplicate, suggest_twin
from routing.operations.explaining import explain_task
from routing.operations.forecasting import Outlook, health, look_out
from routing.operations.gates import HOUSE, set_threshold, threshold_of
from routing.operations.handing import NotDelegated, hand_down
from routing.operations.hops import (
    OfferExpired,
    accept_delegation,
    cancel_delegation,
    close_hops,
    complete_delegation,
    reject_delegation,
    settle_delegations,
)
from routing.operations.learning import judge_episode, record_imported, refit, refit_if_due
from routing.operations.life import activate_version, load_policy, roll_back, start_shadow, stop_shadow
from routing.operations.meaning import CONSUMER, Tally, embed_all, embed_waiting
from routing.operations.merging import merge_project, preview_merge
from routing.operations.patterns import change_pattern, create_pattern, delete_pattern
from routing.operations.policies import (
    change_policy,
    change_version,
    compare_versions,
    create_policy,
    create_version,
    delete_policy,
    delete_version,
    read_policy,
    write_policy,
)
from routing.operations.proposals import ProposalSettled, accept_proposal, dismiss_proposal, propose_rules
from routing.operations.question import embed_question
from routing.operations.shadows import report_shadow
from routing.operations.skills import proven_by
from routing.operations.suggesting import ask_for_advice, settle_advice
from routing.operations.telling import told_by_project, told_decision, told_episode
from routing.operations.usage import record_usage

__all__ = [
    "CONSUMER",
    "HOUSE",
    "AlreadyConsolidating",
    "Dossier",
    "EmbeddingFailed",
    "NoDuplicate",
    "NotDelegated",
    "OfferExpired",
    "Outlook",
    "ProposalSettled",
    "Tally",
    "accept_delegation",
    "accept_proposal",
    "activate_version",
    "advise_on",
    "advise_waiting",
    "answer_as_sage",
    "ask_for_advice",
    "assign_task",
    "backtest_version",
    "calibrate_if_due",
    "cancel_delegation",
    "chain_of",
    "change_delegation",
    "change_pattern",
    "change_policy",
    "change_version",
    "close_hops",
    "compare_versions",
    "complete_delegation",
    "consolidate",
    "consolidate_wanted",
    "create_pattern",
    "create_policy",
    "create_version",
    "delegate_task",
    "delete_delegation",
    "delete_pattern",
    "delete_policy",
    "delete_version",
    "dismiss_proposal",
    "embed_all",
    "embed_question",
    "embed_waiting",
    "explain_task",
    "fetch_model",
    "fit_curves",
    "get_embedder",
    "hand_down",
    "health",
    "is_sage",
    "judge_episode",
    "load_policy",
    "look_out",
    "merge_project",
    "open_dossier",
    "preview_merge",
    "propose_rules",
    "proven_by",
    "read_policy",
    "record_imported",
    "record_usage",
    "refit",
    "refit_if_due",
    "reject_delegation",
    "report_shadow",
    "request_consolidation",
    "reset_attention",
    "roll_back",
    "route_task",
    "route_waiting",
    "set_threshold",
    "settle_advice",
    "settle_delegations",
    "settle_duplicate",
    "split_task",
    "start_shadow",
    "stop_shadow",
    "suggest_for",
    "suggest_twin",
    "threshold_of",
    "told_by_project",
    "told_decision",
    "told_episode",
    "why_untested",
    "write_policy",
]
