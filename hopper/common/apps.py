from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app stands on: errors, ids, columns, database branches, the shape of the API, keys."""

    name = "hopper.common"
    label = "common"

    def ready(self) -> None:
        from hopper.common import checks  # noqa: F401 - registers the system checks
        from hopper.common.db import slow, vectors  # noqa: F401 - watch every connection, teach SQLite the distance
