"""The pages that show how well Hopper decides, and take what people say of it."""

from feedback.pages.calibration import confidence
from feedback.pages.home import dashboard, navigation
from feedback.pages.review import review_queue, settle_advice, settle_duplicate
from feedback.pages.saying import missing_tags, statistics

__all__ = [
    "confidence", "dashboard", "missing_tags", "navigation", "review_queue", "settle_advice",
    "settle_duplicate", "statistics",
]  # fmt: skip
