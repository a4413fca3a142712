from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Judging decisions, and teaching by it."""

    name = "feedback"
