"""Judging decisions: what people say, what they answer, what the work says by itself."""

from feedback.operations.answering import NotInReview, answer_review, nth_place
from feedback.operations.climbing import Asked, asked_of, who_is_asked
from feedback.operations.counting import KEYS, count_feedback
from feedback.operations.implying import learn_from_work
from feedback.operations.importing import import_confirmed
from feedback.operations.judging import NothingToJudge, change_feedback, record_feedback, withdraw_feedback
from feedback.operations.retagging import NothingToTag, Proposal, accept_tag, dismiss_tag, propose_tags, restore_tag

__all__ = [
    "KEYS",
    "Asked",
    "NotInReview",
    "NothingToJudge",
    "NothingToTag",
    "Proposal",
    "accept_tag",
    "answer_review",
    "asked_of",
    "change_feedback",
    "count_feedback",
    "dismiss_tag",
    "import_confirmed",
    "learn_from_work",
    "nth_place",
    "propose_tags",
    "record_feedback",
    "restore_tag",
    "who_is_asked",
    "withdraw_feedback",
]
