from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Deciding where a task goes, remembering why, and getting better at it."""

    name = "routing"

    def ready(self) -> None:
        from routing.advisers import checks as _advisers  # noqa: F401 - registers the system checks
        from routing.embedding import checks  # noqa: F401
