"""Judging decisions: what people say, what they answer, what the work says by itself."""

from feedback.operations.answering import NotInReview, answer_review
from feedback.operations.implying import learn_from_work
from feedback.operations.importing import import_confirmed
from feedback.operations.judging import NothingToJudge, change_feedback, record_feedback, withdraw_feedback

__all__ = [
    "NotInReview",
    "NothingToJudge",
    "answer_review",
    "change_feedback",
    "import_confirmed",
    "learn_from_work",
    "record_feedback",
    "withdraw_feedback",
]
